// Too many requests wait for their answers: what comes then is refused at once, but not what ends a session.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Context, Next } from "koa";
import { GatewayError } from "../errors.ts";
import { Roll } from "../roll.ts";
import { isBelow } from "../paths.ts";
import { hasBody, rawPath } from "./request-state.ts";

/** Counting may take so much less time than everything else: a tenth. */
const TIMES_AS_LONG = 10;

/**
 * A request waits until its answer has begun: open streams cost little and may be many. Whatever is slow (an upstream,
 * Redis, this process) makes requests pile up here, so their number is the one measure of overload that blames nobody.
 * But for those that wait for their own browser: whoever sends a body slowly must not shut everybody else out.
 */
export function shedding({ maxWaiting }: { maxWaiting: number }) {
  const waiting = new Roll<ServerResponse>();
  let sending = 0;
  let countAgainMs = -Infinity;

  /** Slow senders may be many: walking past them for every request that comes would be an attack of its own. */
  const countSenders = (): void => {
    const beganMs = performance.now();
    if (beganMs < countAgainMs) return;
    sending = 0;
    for (const place of waiting.places()) {
      if (place.member.headersSent || place.member.destroyed) waiting.leave(place);
      else if (waitsForItsBrowser(place.member.req)) sending++;
    }
    const endedMs = performance.now();
    countAgainMs = endedMs + (endedMs - beganMs) * TIMES_AS_LONG;
  };
  const isFull = (): boolean => {
    if (waiting.size < maxWaiting) return false;
    countSenders();
    return waiting.size - sending >= maxWaiting;
  };
  return async function shedLoad({ req, res }: Context, next: Next): Promise<void> {
    if (isFull() && mayBeShed(req))
      throw new GatewayError("overloaded", { reason: `${waiting.size} requests are waiting` });
    const place = waiting.join(res);
    try {
      await next();
    } finally {
      waiting.leave(place);
    }
  };
}

/** Everything that came of its body has been taken, and more is to come. Where we are the slow ones some is left. */
function waitsForItsBrowser(request: IncomingMessage): boolean {
  return !request.complete && request.readableLength === 0 && hasBody(request);
}

const ENDS_A_SESSION: ReadonlySet<string> = new Set(["/bff/logout", "/bff/logout/provider", "/bff/backchannel-logout"]);

function mayBeShed({ url = "", method }: IncomingMessage): boolean {
  // The app's own files come from memory.
  if (isBelow(url, "/api")) return true;
  if (!isBelow(url, "/bff") || ENDS_A_SESSION.has(rawPath(url))) return false;
  return !(method === "DELETE" && isBelow(url, "/bff/sessions"));
}
