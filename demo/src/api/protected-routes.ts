// Routes that require an access token.
import { setTimeout as wait } from "node:timers/promises";
import Router from "@koa/router";
import type { Context } from "koa";
import { claimsOf, insufficientScope, requireStepUp, rolesAt, type StepUpPolicy } from "./bearer.ts";
import { countBytes, download, upload } from "./bodies.ts";
import { eventStream, type OpenStreams } from "./event-stream.ts";
import { numberParameter, textParameter } from "./query-parameters.ts";
import { echoSocket } from "./socket.ts";

const maxSlowMs = 120_000;
/** A second factor, at most 15 minutes ago. */
const CONFIDENTIAL: StepUpPolicy = { level: 2, maxAgeSeconds: 900 };

type ProtectedRoutesOptions = { rolesClaim: string; openStreams: OpenStreams };

export function protectedRoutes({ rolesClaim, openStreams }: ProtectedRoutesOptions): Router {
  const router = new Router({ strict: true, sensitive: true });
  router.get("/protected", (ctx) => {
    ctx.body = { message: `${textParameter(ctx, "message")}Received`, user: claimsOf(ctx) };
  });
  router.get("/admin", (ctx) => {
    const roles = rolesAt(claimsOf(ctx), rolesClaim);
    if (!roles.includes("admin"))
      throw insufficientScope("Only administrators may see this. Your account does not have the role admin.");
    ctx.body = { message: "You are an administrator.", roles };
  });
  router.get("/department", (ctx) => {
    const department = claimsOf(ctx)["department"];
    if (department !== "engineering")
      throw insufficientScope("Only the engineering department may see this. Your account belongs to another one.");
    ctx.body = { department, message: "The lift will be out of order on Friday." };
  });
  router.get("/confidential", (ctx) => {
    requireStepUp(ctx, CONFIDENTIAL);
    const { acr, auth_time: authTime } = claimsOf(ctx);
    ctx.body = { message: `${textParameter(ctx, "message")}Received`, acr, authTime };
  });
  router.get("/events", eventStream(openStreams));
  router.get("/socket", echoSocket);
  router.post("/upload", upload);
  router.get("/download", download);
  router.get("/slow", slow);
  router.all("/echo", echo);
  router.all("/echo/{*rest}", echo);
  return router;
}

/** Responds after `ms` milliseconds; stops waiting when the client disconnects. */
async function slow(ctx: Context): Promise<void> {
  const ms = numberParameter(ctx, "ms", { min: 0, max: maxSlowMs });
  const disconnected = new AbortController();
  ctx.res.once("close", () => disconnected.abort());
  const waited = await wait(ms, true, { signal: disconnected.signal }).catch(() => false);
  ctx.body = { waitedMs: waited ? ms : 0 };
}

/** Returns the request as received, which shows what a gateway forwards. The token itself is left out. */
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
