// GET /bff/events: what happens to the session of this browser, as server-sent events. Listening keeps none alive.
import type { Context } from "koa";
import { GatewayError } from "../errors.ts";
import { sessionIdFrom } from "../session/cookies.ts";
import type { EventStreams } from "../session/live/event-streams.ts";
import { userIndex } from "../session/indexes.ts";
import type { FoundSession, Sessions } from "../session/sessions.ts";
import type { EndReason } from "../store/store.ts";

type Parts = {
  sessions: Pick<Sessions, "find" | "endReason">;
  streams: Pick<EventStreams, "open" | "sayEnded" | "postpone">;
};

/**
 * Only a session that was found holds a stream open. An EventSource gives up for good on a 503: while the store is away
 * it gets a stream that ends at once, and opens it again by itself until there is news.
 */
export function events({ sessions, streams }: Parts) {
  return async function streamSessionEvents(ctx: Context): Promise<void> {
    const sessionId = sessionIdFrom(ctx.get("cookie"));
    if (sessionId === undefined) throw new GatewayError("session_missing");
    if (ctx.method === "HEAD") throw new GatewayError("method_not_allowed", { allow: ["GET"] });
    const found = await look(sessions, sessionId);
    if (found === "unknown") streams.postpone(ctx.res);
    else if (typeof found === "string") streams.sayEnded(found, ctx.res);
    else streams.open({ key: found.key, user: userIndex(found.session).hash }, ctx.res);
    ctx.respond = false;
  };
}

async function look(sessions: Parts["sessions"], sessionId: string): Promise<FoundSession | EndReason | "unknown"> {
  try {
    return (await sessions.find(sessionId)) ?? (await sessions.endReason(sessionId)) ?? "expired";
  } catch (error) {
    if (error instanceof GatewayError && error.code === "store_unavailable") return "unknown";
    throw error;
  }
}
