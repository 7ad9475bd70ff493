// The browser's body on its way to an upstream: counted, with back-pressure, and safe to destroy.
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { GatewayError } from "../errors.ts";
import type { SendingObserver } from "../lib/in-flight.ts";

/** A browser that sends nothing for this long holds an upstream's connection for nothing (slow POST). */
const STALLED_SENDER_MS = 60_000;
/** One for all, see exchange.ts. */
const STOPPED_SENDING = new Error("the browser stopped sending");

export type BodyOptions = {
  maxBodyBytes: number;
  waiting?: SendingObserver | undefined;
  /** See STALLED_SENDER_MS, the default. */
  idleMs?: number;
};

/**
 * A stream of its own and not the request itself: undici destroys the body it was given when an upstream answers
 * early or dies, and destroying the request closes the browser's connection under the answer.
 */
export function requestBody(request: IncomingMessage, options: BodyOptions): Readable {
  const { maxBodyBytes, waiting, idleMs = STALLED_SENDER_MS } = options;
  const { socket } = request;
  let passedBytes = 0;
  const pause = (): void => {
    // Now the upstream is the slow one.
    waiting?.setSending(false);
    socket.setTimeout(0);
    request.pause();
  };
  const body = new Readable({
    read() {
      if (!request.isPaused()) return;
      // Node closes the socket when this passes, and "aborted" follows.
      socket.setTimeout(idleMs);
      waiting?.setSending(true);
      request.resume();
    },
    destroy(error, done) {
      request.off("data", onData).off("end", onEnd).off("error", onBroken).off("aborted", onBroken);
      pause();
      done(error);
    },
  });
  function onData(chunk: Buffer): void {
    passedBytes += chunk.length;
    if (passedBytes > maxBodyBytes) body.destroy(new GatewayError("payload_too_large", { reason: "body too large" }));
    else if (!body.push(chunk)) pause();
  }
  function onEnd(): void {
    socket.setTimeout(0);
    body.push(null);
  }
  function onBroken(): void {
    body.destroy(STOPPED_SENDING);
  }
  request.on("data", onData).on("end", onEnd).on("error", onBroken).on("aborted", onBroken).pause();
  // Heard even when undici does not listen yet or any more: an unheard error ends the process.
  body.on("error", () => {});
  return body;
}
