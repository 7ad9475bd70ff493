// koa-session over the guarded store: it stays in charge of the cookie and of when a session begins and ends, but it
// never sees a session id (only its hash), never holds a token, and no write of its own can bring a session back.
import type Koa from "koa";
import type { Context, Middleware } from "koa";
import session from "koa-session";
import { GatewayError } from "../errors.ts";
import type { EndReason, SessionTimes, TokenLife } from "../store/store.ts";
import { sessionCookieAttributes, sessionIdFrom, SESSION_COOKIE } from "./cookies.ts";
import { newSessionId, sessionKeyOf, type Session } from "./session.ts";
import type { FoundSession, Sessions } from "./sessions.ts";

type PerRequest = {
  /** Session ids of this request by their key: koa-session is only given the key. */
  ids: Map<string, string>;
  found?: FoundSession & SessionTimes;
  /** What a login hands over for the record that koa-session is about to create. */
  begin?: { sealTokens: (sessionId: string) => string; tokenLife: TokenLife };
  begun?: string;
  endReason: EndReason;
};

declare module "koa" {
  interface DefaultContext {
    session: Session | null;
  }
}

const requests = new WeakMap<Context, PerRequest>();

function requestOf(ctx: Context): PerRequest {
  const known = requests.get(ctx);
  if (known !== undefined) return known;
  const created: PerRequest = { ids: new Map(), endReason: "logout" };
  requests.set(ctx, created);
  return created;
}

/** The koa-session middleware for the routes under /bff. */
export function koaSession(app: Koa, parts: { sessions: Sessions; sessionMaxMs: number }): Middleware {
  const { sessions, sessionMaxMs } = parts;
  const options = {
    ...sessionCookieAttributes,
    key: SESSION_COOKIE,
    maxAge: sessionMaxMs,
    rolling: false,
    renew: false,
    genid: (ctx: Context) => {
      const sessionId = newSessionId();
      const key = sessionKeyOf(sessionId);
      requestOf(ctx).ids.set(key, sessionId);
      return key;
    },
    externalKey: {
      get: (ctx: Context) => {
        const sessionId = sessionIdFrom(ctx.get("cookie"));
        if (sessionId === undefined) return undefined;
        const key = sessionKeyOf(sessionId);
        requestOf(ctx).ids.set(key, sessionId);
        return key;
      },
      set: (ctx: Context, key: string) => {
        const sessionId = requestOf(ctx).ids.get(key);
        ctx.cookies.set(SESSION_COOKIE, sessionId, { ...sessionCookieAttributes, maxAge: sessionMaxMs });
      },
    },
    store: {
      async get(key: string, _maxAge: unknown, { ctx }: { ctx: Context }) {
        const request = requestOf(ctx);
        const sessionId = request.ids.get(key);
        const found = sessionId === undefined ? undefined : await sessions.findWithTimes(sessionId);
        if (found !== undefined) request.found = found;
        return found === undefined ? undefined : structuredClone(found.session);
      },
      async set(key: string, record: Record<string, unknown>, _maxAge: unknown, { ctx }: { ctx: Context }) {
        await store(sessions, requestOf(ctx), key, record);
      },
      async destroy(key: string, { ctx }: { ctx: Context }) {
        const request = requestOf(ctx);
        // A key that this request made up itself has no record to end.
        if (request.found?.key !== key && request.begun !== key) return;
        await sessions.end(key, request.endReason);
        delete request.found;
      },
    },
  };
  const middleware = session(options as unknown as Parameters<typeof session>[0], app) as Middleware;
  return async function sessionOfBrowser(ctx, next) {
    // Browsers take Secure cookies over plain http on loopback, and behind a TLS front the socket is plain as well.
    ctx.cookies.secure = true;
    await middleware(ctx, next);
  };
}

/** Creates the record of a login that just succeeded; every other write is refused, for there is nothing to change. */
async function store(sessions: Sessions, request: PerRequest, key: string, record: Record<string, unknown>) {
  // koa-session commits once more after regenerate(): the record is there already.
  if (request.begun === key) return;
  const sessionId = request.ids.get(key);
  const { begin } = request;
  if (begin === undefined || sessionId === undefined)
    throw new GatewayError("internal", { reason: "a session may only be written by a login" });
  // Limits are the store's, by its own clock: koa-session's would let instances disagree.
  const { _expire, _maxAge, ...session } = record;
  const sealedTokens = begin.sealTokens(sessionId);
  const begun = await sessions.begin({
    sessionId,
    session: JSON.stringify(session),
    sealedTokens,
    tokenLife: begin.tokenLife,
  });
  if (!begun) throw new GatewayError("login_failed", { reason: "the session was ended before it began" });
  request.begun = key;
}

/**
 * Begins a session under a new session id, whatever id the browser came with (session fixation, CVE-2021-41246).
 * @throws GatewayError login_failed where the provider has logged the session out in the meantime.
 */
export async function beginSession(
  ctx: Context,
  session: Session,
  begin: { sealTokens: (sessionId: string) => string; tokenLife: TokenLife },
): Promise<void> {
  const request = requestOf(ctx);
  request.begin = begin;
  request.endReason = "replaced";
  ctx.session = session;
  try {
    await (ctx.session as unknown as { regenerate(): Promise<void> }).regenerate();
  } catch (error) {
    // Otherwise koa-session would try to store it once more when the request ends.
    ctx.session = null;
    throw error;
  }
}

/** Ends the session of this request and clears its cookie, before the caller answers. */
export async function endSession(ctx: Context): Promise<void> {
  const { session } = ctx;
  ctx.session = null;
  await (session as unknown as { manuallyCommit(): Promise<void> } | null)?.manuallyCommit();
}

/** The session that this request came with, and its limits. */
export function foundSession(ctx: Context): (FoundSession & SessionTimes) | undefined {
  return requests.get(ctx)?.found;
}
