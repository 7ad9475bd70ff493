// Server-sent events of GET /bff/events: the open streams of this instance and the events that they send.
import type { ServerResponse } from "node:http";
import { isoTime } from "../../lib/iso-time.ts";
import type { SharedQuota } from "../../lib/shared-quota.ts";
import type { EndReason, SessionLimits } from "../../store/store.ts";
import { END_REASON_TO_ERROR_CODE } from "../end-reasons.ts";
import { expiryWarningMs, type LiveConnections } from "./live-connections.ts";
import { createEventStreamQuota, type StreamOwner } from "./event-stream-quota.ts";

/** The methods take over a response whose head has not been sent. */
export type EventStreams = {
  /**
   * Opens a stream of an existing session. Ends it after `session-ended`.
   * @throws GatewayError too_many_connections
   */
  open(owner: StreamOwner, response: ServerResponse): void;
  /** Sends `session-ended` and ends the response. */
  sendEnded(reason: EndReason, response: ServerResponse): void;
  /** While the store is unavailable: ends the response without an event, and the browser reconnects after some seconds. */
  endAndRetry(response: ServerResponse): void;
  count(): number;
  /** Graceful shutdown: ends all streams, and new ones at once. Browsers reconnect to another instance. */
  drain(): void;
};

type Dependencies = {
  live: Pick<LiveConnections, "add">;
  /** Streams of all applications of the process. */
  quota: SharedQuota;
  /** The clock that all instances share, so that a stream that moves to another instance reports the same times. */
  now: () => number;
  /** Interval of heartbeats per stream. Proxies commonly close a connection after a minute without data. */
  heartbeatMs?: number;
};

const HEARTBEAT_MS = 20_000;
/** The streams are divided into this many batches, so that one heartbeat never writes to all of them. */
const HEARTBEAT_BATCHES = 20;
/** Backpressure limit: a stream with more unsent bytes is closed. Events are few and short. */
const MAX_UNSENT_BYTES = 16_384;
/** Reconnection time of the browser, random within these bounds to spread the reconnections after a restart. */
const RETRY_MS = { min: 1_000, max: 4_000 };
const RETRY_WHILE_UNAVAILABLE_MS = { min: 3_000, max: 8_000 };
/** For a page that does not close its stream after `session-ended`. */
const RETRY_AFTER_END_MS = 60_000;
/** Ends that differ by less are equal: the times are read at different moments. */
const END_TOLERANCE_MS = 2_000;

const HEAD = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "no-store",
  // Turns off response buffering in nginx.
  "X-Accel-Buffering": "no",
};

export function createEventStreams({
  live,
  quota: shared,
  now,
  heartbeatMs = HEARTBEAT_MS,
}: Dependencies): EventStreams {
  const batches = Array.from({ length: HEARTBEAT_BATCHES }, () => new Set<ServerResponse>());
  const quota = createEventStreamQuota(shared);
  let opened = 0;
  let isDraining = false;

  let beat = 0;
  const heartbeats = setInterval(() => {
    for (const response of batchAt(batches, beat++)) write(response, ":\n\n");
  }, heartbeatMs / HEARTBEAT_BATCHES).unref();

  return {
    open(owner, response) {
      if (isDraining) return void begin(response, RETRY_MS).end();
      // A destroyed response emits no further `close` event, so its quota would never be released.
      if (response.destroyed) return;
      const release = quota.acquire(owner);
      const batch = batchAt(batches, opened++);
      begin(response, RETRY_MS);
      batch.add(response);
      const remove = live.add(owner.key, (reason) => sendEnded(response, reason), limitsSender(response, now));
      response.once("close", () => {
        remove();
        batch.delete(response);
        release();
      });
    },
    sendEnded: (reason, response) => sendEnded(begin(response), reason),
    endAndRetry: (response) => void begin(response, RETRY_WHILE_UNAVAILABLE_MS).end(),
    count: quota.count,
    drain() {
      isDraining = true;
      quota.leave();
      clearInterval(heartbeats);
      for (const batch of batches) for (const response of batch) response.end();
    },
  };
}

/** @param retry bounds of the browser's reconnection time */
function begin(response: ServerResponse, retry?: { min: number; max: number }): ServerResponse {
  response.writeHead(200, HEAD);
  if (retry !== undefined)
    write(response, `retry: ${Math.round(retry.min + Math.random() * (retry.max - retry.min))}\n\n`);
  return response;
}

function batchAt(batches: readonly Set<ServerResponse>[], n: number): Set<ServerResponse> {
  return batches[n % HEARTBEAT_BATCHES] as Set<ServerResponse>;
}

/**
 * Sends `session-expiring` when the end is near, again when a near end moves, and `session-extended` when it moves out of
 * the warning period.
 */
function limitsSender(response: ServerResponse, now: () => number): (limits: SessionLimits) => void {
  let announcedEndMs: number | undefined;
  return (limits) => {
    const { idleExpiresInMs, expiresInMs } = limits;
    const nowMs = now();
    const endMs = nowMs + Math.min(idleExpiresInMs, expiresInMs);
    const isNear = endMs - nowMs <= expiryWarningMs(limits);
    if (!isNear && announcedEndMs === undefined) return;
    if (isNear && announcedEndMs !== undefined && Math.abs(endMs - announcedEndMs) < END_TOLERANCE_MS) return;
    announcedEndMs = isNear ? endMs : undefined;
    const times = { idleExpiresAt: isoTime(endMs), expiresAt: isoTime(nowMs + expiresInMs) };
    write(response, event(isNear ? "session-expiring" : "session-extended", times));
  };
}

function sendEnded(response: ServerResponse, reason: EndReason): void {
  write(
    response,
    `retry: ${RETRY_AFTER_END_MS}\n${event("session-ended", { reason, code: END_REASON_TO_ERROR_CODE[reason] })}`,
  );
  response.end();
}

function event(name: string, fields: Record<string, string>): string {
  return `event: ${name}\ndata: ${JSON.stringify(fields)}\n\n`;
}

function write(response: ServerResponse, text: string): void {
  if (response.writableEnded || response.destroyed) return;
  if (response.writableLength > MAX_UNSENT_BYTES) response.destroy();
  else response.write(text);
}
