// GET /bff/events: what happens to the session of this browser, as server-sent events. Listening keeps none alive.
import type { Context } from "koa";
import { GatewayError } from "../errors.ts";
import { sessionIdFrom } from "../session/cookies.ts";
import type { EventStreams } from "../session/event-streams.ts";
import { sessionKeyOf } from "../session/session.ts";

/**
 * The store is not asked first: whether the session is there, and how it ended, is the stream's first news. So a
 * stream can be opened while the store is away, and an EventSource, which gives up for good on a 503, need not.
 */
export function events(streams: Pick<EventStreams, "open">) {
  return function streamSessionEvents(ctx: Context): void {
    const sessionId = sessionIdFrom(ctx.get("cookie"));
    if (sessionId === undefined) throw new GatewayError("session_missing");
    if (ctx.method === "HEAD") throw new GatewayError("method_not_allowed", { allow: ["GET"] });
    ctx.respond = false;
    streams.open(sessionKeyOf(sessionId), ctx.res);
  };
}
