// /bff/sessions: a user lists and ends their own sessions.
import type { Context } from "koa";
import { GatewayError } from "../errors.ts";
import type { Log } from "../logging/log.ts";
import { sessionIdFrom } from "../session/cookies.ts";
import { sessionEnded } from "../session/end-reasons.ts";
import type { EndSession } from "../session/end-session.ts";
import type { UserName } from "../session/indexes.ts";
import { foundSession } from "../session/koa-session.ts";
import type { FoundSession, Sessions } from "../session/sessions.ts";
import type { UserSession, UserSessions } from "../session/user-sessions.ts";
import { isoTime } from "../lib/iso-time.ts";

export type SessionsDependencies = {
  sessions: Pick<Sessions, "endReason">;
  userSessions: UserSessions;
  end: EndSession;
  /** Logout of this browser. @returns the URL that the browser opens next */
  logOutBrowser: (ctx: Context) => Promise<string>;
  /** Ends the user's sessions at the provider (Keycloak's Admin REST API); undefined if not configured. @throws GatewayError provider_unavailable */
  endAtProvider: ((user: UserName) => Promise<void>) | undefined;
  /** The clock that all instances share. */
  now: () => number;
  log: Log;
};

/** `GET /bff/sessions`: newest first. Does not slide the session. */
export function listSessions({ sessions, userSessions, now }: SessionsDependencies) {
  return async function listSessions(ctx: Context): Promise<void> {
    const own = await requireSession(ctx, sessions);
    const listed = await userSessions.list(own.session);
    const nowMs = now();
    ctx.body = { sessions: listed.map((each) => describe(each, { isCurrent: each.key === own.key, nowMs })) };
  };
}

/**
 * `DELETE /bff/sessions/{id}`: 204, also for a repetition after a 503. For the session of this browser: 200 with the
 * location of a logout.
 * @throws GatewayError not_found for a handle of another user as for an unknown one
 */
export function endOneSession({ sessions, userSessions, logOutBrowser, log }: SessionsDependencies) {
  return async function endOneSession(ctx: Context): Promise<void> {
    const own = await requireSession(ctx, sessions);
    const handle = (ctx as Context & { params: Record<string, string> }).params["id"] ?? "";
    if (handle === own.session.handle) {
      ctx.body = { location: await logOutBrowser(ctx) };
      return;
    }
    if (!(await userSessions.endOne(own.session, handle, "revoked")))
      throw new GatewayError("not_found", { reason: "not a session of this user" });
    log.security("session_revoked", {
      requestId: ctx.state["requestId"],
      session: handle,
      subject: own.session.subject,
    });
    ctx.status = 204;
  };
}

/**
 * `DELETE /bff/sessions`: log out everywhere. 200 with the location of a logout and, if `endAtProvider` is configured,
 * whether the sessions at the provider were ended.
 */
export function endAllSessions({
  sessions,
  userSessions,
  end,
  logOutBrowser,
  endAtProvider,
  log,
}: SessionsDependencies) {
  const endSessionsAtProvider = async (own: FoundSession, requestId: string): Promise<"ended" | "unreachable"> => {
    const { handle, subject } = own.session;
    try {
      await endAtProvider?.(own.session);
      log.security("provider_sessions_ended", { requestId, session: handle, subject });
      return "ended";
    } catch (error) {
      log.error("ending the user's sessions at the provider failed", { requestId, session: handle, error });
      return "unreachable";
    }
  };
  return async function endAllSessions(ctx: Context): Promise<void> {
    const own = await requireSession(ctx, sessions);
    const others = (await userSessions.list(own.session)).filter(({ key }) => key !== own.key);
    // The session of this browser is ended last: after an error of the store its user can repeat the request.
    await Promise.all(others.map(({ key }) => end(key, "revoked")));
    log.security("logout_everywhere", {
      requestId: ctx.state["requestId"],
      session: own.session.handle,
      subject: own.session.subject,
      count: others.length + 1,
    });
    const location = await logOutBrowser(ctx);
    // Last: Keycloak sends a back-channel logout for each session, which would replace the reason of the end.
    ctx.body =
      endAtProvider === undefined
        ? { location }
        : { location, provider: await endSessionsAtProvider(own, ctx.state["requestId"] as string) };
  };
}

/** @throws GatewayError session_missing | session_expired | session_revoked */
async function requireSession(ctx: Context, sessions: SessionsDependencies["sessions"]): Promise<FoundSession> {
  const found = foundSession(ctx);
  if (found !== undefined) return found;
  const sessionId = sessionIdFrom(ctx.get("cookie"));
  if (sessionId === undefined) throw new GatewayError("session_missing");
  throw sessionEnded(await sessions.endReason(sessionId));
}

/** Contains the public handle, never the key or the session id (I1). */
function describe({ session, ...times }: UserSession, { isCurrent, nowMs }: { isCurrent: boolean; nowMs: number }) {
  const { idleExpiresInMs, expiresInMs, usedAgoMs } = times;
  return {
    id: session.handle,
    current: isCurrent,
    device: session.device ?? null,
    createdAt: isoTime(session.createdAtMs),
    lastUsedAt: usedAgoMs === undefined ? null : isoTime(nowMs - usedAgoMs),
    idleExpiresAt: isoTime(nowMs + Math.min(idleExpiresInMs, expiresInMs)),
    expiresAt: isoTime(nowMs + expiresInMs),
  };
}
