// A user's own sessions, for that user: where they are logged in, and ending one of them or all.
import type { Context } from "koa";
import { GatewayError } from "../errors.ts";
import type { Log } from "../logging/log.ts";
import { sessionIdFrom } from "../session/cookies.ts";
import { END_REASON_TO_ERROR_CODE } from "../session/end-reasons.ts";
import type { EndSession } from "../session/end-session.ts";
import type { UserName } from "../session/indexes.ts";
import { foundSession } from "../session/koa-session.ts";
import type { FoundSession, Sessions } from "../session/sessions.ts";
import type { LogoutReader } from "./logout.ts";
import type { UserSession, UserSessions } from "../session/user-sessions.ts";
import { isoTime } from "../lib/iso-time.ts";

export type SessionsParts = {
  sessions: Pick<Sessions, "endReason">;
  userSessions: UserSessions;
  end: EndSession;
  /** Ends the session of this browser as a logout does. @returns where to end the provider's own. */
  logOutBrowser: (ctx: Context, reader: LogoutReader) => Promise<string>;
  /** Ends the user's sessions at the provider; undefined where the gateway cannot. @throws GatewayError provider_unavailable */
  endAtProvider: ((user: UserName) => Promise<void>) | undefined;
  /** The clock that all instances share. */
  now: () => number;
  log: Log;
};

/** `GET /bff/sessions`: newest first. Like /bff/user, asking keeps no session alive. */
export function listSessions({ sessions, userSessions, now }: SessionsParts) {
  return async function listSessionsOfUser(ctx: Context): Promise<void> {
    const own = await requireSession(ctx, sessions);
    const listed = await userSessions.list(own.session);
    const nowMs = now();
    ctx.body = { sessions: listed.map((each) => describe(each, { isCurrent: each.key === own.key, nowMs })) };
  };
}

/**
 * `DELETE /bff/sessions/{id}`: 204, also where it is asked for again after a 503; for the session of this very browser
 * 200 with the location of a logout.
 */
export function endOneSession({ sessions, userSessions, logOutBrowser, log }: SessionsParts) {
  return async function endSessionOfUser(ctx: Context): Promise<void> {
    const own = await requireSession(ctx, sessions);
    const handle = (ctx as Context & { params: Record<string, string> }).params["id"] ?? "";
    if (handle === own.session.handle) {
      ctx.body = { location: await logOutBrowser(ctx, "script") };
      return;
    }
    // Only looked for among the user's own: to everybody else it does not exist.
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
 * `DELETE /bff/sessions`: log out everywhere. 200 with the location of a logout and, where the gateway can end sessions
 * at the provider, with what became of those.
 */
export function endAllSessions({ sessions, userSessions, end, logOutBrowser, endAtProvider, log }: SessionsParts) {
  const endThere = async (own: FoundSession, requestId: string): Promise<"ended" | "unreachable"> => {
    const { handle, subject } = own.session;
    try {
      await endAtProvider?.(own.session);
      log.security("provider_sessions_ended", { requestId, session: handle, subject });
      return "ended";
    } catch (error) {
      log.error("the user's sessions at the provider could not be ended", { requestId, session: handle, error });
      return "unreachable";
    }
  };
  return async function logOutEverywhere(ctx: Context): Promise<void> {
    const own = await requireSession(ctx, sessions);
    const others = (await userSessions.list(own.session)).filter(({ key }) => key !== own.key);
    // The browser's own comes last: where the store fails half-way, its user can still ask for the rest.
    await Promise.all(others.map(({ key }) => end(key, "revoked")));
    log.security("logout_everywhere", {
      requestId: ctx.state["requestId"],
      session: own.session.handle,
      subject: own.session.subject,
      count: others.length + 1,
    });
    const location = await logOutBrowser(ctx, "script");
    // Last: Keycloak tells us of each of them, and what has ended here keeps the reason it ended for.
    ctx.body =
      endAtProvider === undefined
        ? { location }
        : { location, provider: await endThere(own, ctx.state["requestId"] as string) };
  };
}

/** @throws GatewayError session_missing | session_expired | session_revoked */
async function requireSession(ctx: Context, sessions: SessionsParts["sessions"]): Promise<FoundSession> {
  const found = foundSession(ctx);
  if (found !== undefined) return found;
  const sessionId = sessionIdFrom(ctx.get("cookie"));
  if (sessionId === undefined) throw new GatewayError("session_missing");
  const reason = await sessions.endReason(sessionId);
  throw new GatewayError(reason === undefined ? "session_expired" : END_REASON_TO_ERROR_CODE[reason], {
    reason: reason ?? "no such session",
  });
}

/** Never a key or a session id: the handle is the only name that leaves the gateway. */
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
