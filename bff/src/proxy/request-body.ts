// Request body stream to an upstream: size limit, backpressure, stall timeout.
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { GatewayError } from "../errors.ts";
import type { SendingObserver } from "../lib/in-flight.ts";

/** A browser that sends nothing for this time is disconnected, since it blocks an upstream connection (slow POST). */
const STALLED_SENDER_MS = 60_000;
/** Shared, as in exchange.ts: an Error formats its stack when it is created. */
const STOPPED_SENDING = new Error("the browser stopped sending");

export type BodyOptions = {
  maxBodyBytes: number;
  waiting?: SendingObserver | undefined;
  copy?: BodyCopy | undefined;
  /** Default: STALLED_SENDER_MS. */
  idleMs?: number;
};

/** Copy of a short body, so that its request can be repeated. */
export type BodyCopy = {
  add(chunk: Buffer): void;
  end(): void;
  /** @returns undefined for a long body, and before its end */
  whole(): Buffer | undefined;
};

const MAX_COPIED_BYTES = 65_536;

export function createBodyCopy(): BodyCopy {
  let chunks: Buffer[] | undefined = [];
  let bytes = 0;
  let isComplete = false;
  return {
    add(chunk) {
      bytes += chunk.length;
      if (bytes > MAX_COPIED_BYTES) chunks = undefined;
      else chunks?.push(chunk);
    },
    end() {
      isComplete = true;
    },
    whole: () => (isComplete && chunks !== undefined ? Buffer.concat(chunks) : undefined),
  };
}

/**
 * Wraps the request in a separate stream: undici destroys the body if the upstream responds early or disconnects, and
 * destroying the request itself would close the browser's connection before it has read the response.
 */
export function requestBody(request: IncomingMessage, options: BodyOptions): Readable {
  const { maxBodyBytes, waiting, copy, idleMs = STALLED_SENDER_MS } = options;
  const { socket } = request;
  let passedBytes = 0;
  const pause = (): void => {
    // Backpressure: the upstream is slower than the browser.
    waiting?.setSending(false);
    socket.setTimeout(0);
    request.pause();
  };
  const body = new Readable({
    read() {
      if (!request.isPaused()) return;
      // After this time Node closes the socket and emits "aborted".
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
    copy?.add(chunk);
    if (passedBytes > maxBodyBytes) body.destroy(new GatewayError("payload_too_large", { reason: "body too large" }));
    else if (!body.push(chunk)) pause();
  }
  function onEnd(): void {
    socket.setTimeout(0);
    copy?.end();
    body.push(null);
  }
  function onBroken(): void {
    body.destroy(STOPPED_SENDING);
  }
  request.on("data", onData).on("end", onEnd).on("error", onBroken).on("aborted", onBroken).pause();
  // undici listens only while it sends; an error event without a listener ends the process.
  body.on("error", () => {});
  return body;
}
