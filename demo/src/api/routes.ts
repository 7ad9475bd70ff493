// What the API does for a caller it knows.
import { setTimeout as wait } from "node:timers/promises";
import Router from "@koa/router";
import type { Context } from "koa";
import { claimsOf, insufficient, requireStrength, rolesAt, type Strength } from "./bearer.ts";
import { countBytes, download, upload } from "./bodies.ts";
import { events, type OpenStreams } from "./events.ts";
import { numberParameter, textParameter } from "./query.ts";
import { echoSocket } from "./socket.ts";

const maxSlowMs = 120_000;
/** A second factor, and within the quarter of an hour before. */
const CONFIDENTIAL: Strength = { level: 2, maxAgeSeconds: 900 };

export function protectedRoutes({ rolesClaim, open }: { rolesClaim: string; open: OpenStreams }): Router {
  const router = new Router({ strict: true, sensitive: true });
  router.get("/protected", (ctx) => {
    ctx.body = { message: `${textParameter(ctx, "message")}Received`, user: claimsOf(ctx) };
  });
  router.get("/admin", (ctx) => {
    const roles = rolesAt(claimsOf(ctx), rolesClaim);
    if (!roles.includes("admin"))
      throw insufficient("Only administrators may see this. Your account does not have the role admin.");
    ctx.body = { message: "You are an administrator.", roles };
  });
  router.get("/department", (ctx) => {
    const department = claimsOf(ctx)["department"];
    if (department !== "engineering")
      throw insufficient("Only the engineering department may see this. Your account belongs to another one.");
    ctx.body = { department, message: "The lift will be out of order on Friday." };
  });
  router.get("/confidential", (ctx) => {
    requireStrength(ctx, CONFIDENTIAL);
    const { acr, auth_time: authTime } = claimsOf(ctx);
    ctx.body = { message: `${textParameter(ctx, "message")}Received`, acr, authTime };
  });
  router.get("/events", events(open));
  router.get("/socket", echoSocket);
  router.post("/upload", upload);
  router.get("/download", download);
  router.get("/slow", slow);
  router.all("/echo", echo);
  router.all("/echo/{*rest}", echo);
  return router;
}

async function slow(ctx: Context): Promise<void> {
  const ms = numberParameter(ctx, "ms", { min: 0, max: maxSlowMs });
  const gone = new AbortController();
  ctx.res.once("close", () => gone.abort());
  const waited = await wait(ms, true, { signal: gone.signal }).catch(() => false);
  ctx.body = { waitedMs: waited ? ms : 0 };
}

/** What arrived here, for people and tests that ask what a gateway lets through. */
async function echo(ctx: Context): Promise<void> {
  const { authorization, ...headers } = ctx.headers;
  const bodyBytes = await countBytes(ctx);
  ctx.body = {
    method: ctx.method,
    url: ctx.url,
    path: ctx.path,
    query: ctx.query,
    headers,
    authorization: { present: authorization !== undefined, sub: claimsOf(ctx).sub },
    bodyBytes,
  };
}
