// Ends the open connections (event streams, WebSockets) of a client with its own access token once the gateway would reject a
// request with that token: at its `exp`, otherwise by a periodic check.
import type { IncomingMessage } from "node:http";
import type { UpstreamConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import type { Authorize } from "./authorize.ts";

export type WatchedToken = {
  /** The request that the token came with. */
  request: IncomingMessage;
  upstream: UpstreamConfig;
  /** Requests with the token are accepted until then; Infinity: no expiry is known. */
  validUntilMs: number;
};

/** Calls `onEnd` once. @returns a function that ends the watch; idempotent */
export type WatchToken = (token: WatchedToken, onEnd: (error: GatewayError) => void) => () => void;

/** Finds tokens that the provider has revoked, as far as introspection is configured. */
const CHECK_EVERY_MS = 30_000;
/** Timers may fire early. */
const TIMER_TOLERANCE_MS = 5;

type Options = { authorize: Authorize; checkEveryMs?: number; now?: () => number };

/** One timer per connection. An outage ends no connection before the expiry of its token (I5). */
export function createTokenWatch(options: Options): WatchToken {
  const { authorize, checkEveryMs = CHECK_EVERY_MS, now = Date.now } = options;

  return function watchToken({ request, upstream, validUntilMs }, onEnd) {
    let untilMs = validUntilMs;
    let isStopped = false;
    let timer: NodeJS.Timeout;

    const schedule = (): void => {
      const leftMs = Math.max(0, untilMs - now()) + TIMER_TOLERANCE_MS;
      timer = setTimeout(() => void check(), Math.min(leftMs, checkEveryMs * (0.9 + Math.random() / 5))).unref();
    };
    const check = async (): Promise<void> => {
      try {
        // Without the request's state: the proof of a bound token was checked when the connection was opened.
        const { client } = await authorize(request, upstream);
        untilMs = client?.validUntilMs ?? Infinity;
      } catch (error) {
        const end = isRejection(error) ? error : now() < untilMs ? undefined : expired();
        if (end !== undefined) {
          if (!isStopped) onEnd(end);
          return;
        }
      }
      if (!isStopped) schedule();
    };
    schedule();
    return function stop() {
      isStopped = true;
      clearTimeout(timer);
    };
  };
}

/** Whether a later authorization has rejected an open connection: not an outage, nor a limit on introspections. */
export function isRejection(error: unknown): error is GatewayError {
  return error instanceof GatewayError && error.status < 500 && error.code !== "too_many_requests";
}

function expired(): GatewayError {
  return new GatewayError("invalid_token", { reason: "access token rejected: it has expired" });
}
