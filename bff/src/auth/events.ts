// GET /bff/events: server-sent events of the session of this browser. An open stream does not keep the session alive.
import type { Context } from "koa";
import { GatewayError } from "../errors.ts";
import { sessionIdFrom } from "../session/cookies.ts";
import type { EventStreams } from "../session/live/event-streams.ts";
import { userIndex } from "../session/indexes.ts";
import type { FoundSession, Sessions } from "../session/sessions.ts";
import type { EndReason } from "../store/store.ts";

type Dependencies = {
  sessions: Pick<Sessions, "find" | "endReason">;
  streams: Pick<EventStreams, "open" | "sendEnded" | "endAndRetry">;
};

/**
 * Holds a stream open for an existing session. While the store is unavailable the response is 200 and ends at once,
 * because an EventSource reconnects after that, but never after a 503.
 * @throws GatewayError session_missing | method_not_allowed | too_many_connections
 */
export function events({ sessions, streams }: Dependencies) {
  return async function events(ctx: Context): Promise<void> {
    const sessionId = sessionIdFrom(ctx.get("cookie"));
    if (sessionId === undefined) throw new GatewayError("session_missing");
    if (ctx.method === "HEAD") throw new GatewayError("method_not_allowed", { allow: ["GET"] });
    const found = await findSession(sessions, sessionId);
    if (found === "unavailable") streams.endAndRetry(ctx.res);
    else if (typeof found === "string") streams.sendEnded(found, ctx.res);
    else streams.open({ key: found.key, user: userIndex(found.session).hash }, ctx.res);
    ctx.respond = false;
  };
}

async function findSession(
  sessions: Dependencies["sessions"],
  sessionId: string,
): Promise<FoundSession | EndReason | "unavailable"> {
  try {
    return (await sessions.find(sessionId)) ?? (await sessions.endReason(sessionId)) ?? "expired";
  } catch (error) {
    if (error instanceof GatewayError && error.code === "store_unavailable") return "unavailable";
    throw error;
  }
}
