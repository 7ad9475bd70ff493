// Adapter of koa-session to the session store. koa-session decides when a session begins and ends, and sets the cookie.
// It receives only the hash of the session id and never a token, and its writes cannot restore an ended session.
import type Koa from "koa";
import type { Context, Middleware, Next } from "koa";
import session from "koa-session";
import { GatewayError } from "../errors.ts";
import type { EndReason, SessionTimes, TokenLife } from "../store/store.ts";
import { sessionCookieAttributes, sessionIdFrom, SESSION_COOKIE } from "./cookies.ts";
import { requireNamedSession } from "./named-session.ts";
import { newSessionId, sessionKeyOf, type Session } from "./session.ts";
import type { FoundSession, Sessions } from "./sessions.ts";

type RequestEntry = {
  /** Session ids of this request by their key. koa-session receives the key. */
  ids: Map<string, string>;
  found?: FoundSession & SessionTimes;
  /** Set by a login for the record that koa-session then creates. */
  begin?: { sealTokens: (sessionId: string) => string; tokenLife: TokenLife };
  /** Key of the record that this request created. */
  begun?: string;
  endReason: EndReason;
};

declare module "koa" {
  interface DefaultContext {
    session: Session | null;
  }
}

const requests = new WeakMap<Context, RequestEntry>();

function requestOf(ctx: Context): RequestEntry {
  const known = requests.get(ctx);
  if (known !== undefined) return known;
  const created: RequestEntry = { ids: new Map(), endReason: "logout" };
  requests.set(ctx, created);
  return created;
}

/** The koa-session middleware for the routes under /bff. */
export function koaSession(
  app: Koa,
  { sessions, sessionMaxMs }: { sessions: Sessions; sessionMaxMs: number },
): Middleware {
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
        await createRecord(sessions, requestOf(ctx), key, record);
      },
      async destroy(key: string, { ctx }: { ctx: Context }) {
        const request = requestOf(ctx);
        // A key that this request generated and did not store has no record.
        if (request.found?.key !== key && request.begun !== key) return;
        await sessions.end(key, request.endReason);
        delete request.found;
      },
    },
  };
  const middleware = session(options as unknown as Parameters<typeof session>[0], app) as Middleware;
  return async function sessionOfBrowser(ctx, next) {
    // Behind a TLS proxy the socket is plain http, and browsers accept Secure cookies over http on loopback.
    ctx.cookies.secure = true;
    await middleware(ctx, next);
  };
}

/** Middleware after `koaSession`. Without a session the route decides. @throws GatewayError session_changed */
export function namedSession(ctx: Context, next: Next): Promise<void> {
  const found = foundSession(ctx);
  if (found !== undefined) requireNamedSession(ctx.req, found.session.handle);
  return next();
}

/** Creates the record of a successful login. Every other write is a bug: routes never change a session. */
async function createRecord(sessions: Sessions, request: RequestEntry, key: string, record: Record<string, unknown>) {
  // koa-session commits a second time after regenerate().
  if (request.begun === key) return;
  const sessionId = request.ids.get(key);
  const { begin } = request;
  if (begin === undefined || sessionId === undefined)
    throw new GatewayError("internal", { reason: "session written outside of a login" });
  // The store enforces the limits by its own clock; koa-session's would use the clock of each instance.
  const { _expire, _maxAge, ...session } = record;
  const sealedTokens = begin.sealTokens(sessionId);
  const begun = await sessions.begin({
    sessionId,
    session: JSON.stringify(session),
    sealedTokens,
    tokenLife: begin.tokenLife,
  });
  if (!begun) throw new GatewayError("login_failed", { reason: "the provider ended the session during the login" });
  request.begun = key;
}

/**
 * Begins a session under a new session id, never under the one in the request (session fixation, CVE-2021-41246).
 * @throws GatewayError login_failed if the provider has logged the session out in the meantime; store_unavailable
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
    // Otherwise koa-session would store it again at the end of the request.
    ctx.session = null;
    throw error;
  }
}

/** Ends the session of this request and clears its cookie. @throws GatewayError store_unavailable */
export async function endCurrentSession(ctx: Context): Promise<void> {
  const { session } = ctx;
  ctx.session = null;
  await (session as unknown as { manuallyCommit(): Promise<void> } | null)?.manuallyCommit();
}

/** @returns the session that the koa-session middleware found for this request, with its limits */
export function foundSession(ctx: Context): (FoundSession & SessionTimes) | undefined {
  return requests.get(ctx)?.found;
}
