// GET /bff/events below the route: every open stream of this instance, and what it is told of its session.
import type { ServerResponse } from "node:http";
import type { EndReason, SessionLimits } from "../../store/store.ts";
import { END_REASON_TO_ERROR_CODE } from "../end-reasons.ts";
import { leadMsOf, type LiveConnections } from "./live-connections.ts";
import { createEventStreamQuota, type Listener } from "./event-stream-quota.ts";
import { isoTime } from "../../lib/iso-time.ts";

/** All of them take over an answer whose head has not been sent. */
export type EventStreams = {
  /**
   * For a session that was found: nobody else may hold a place.
   * @throws GatewayError too_many_connections
   */
  open(listener: Listener, response: ServerResponse): void;
  /** For a session that is over: its one event. */
  sayEnded(reason: EndReason, response: ServerResponse): void;
  /** While nobody can say whether there is a session: ends at once, and the browser comes again by itself. */
  postpone(response: ServerResponse): void;
  count(): number;
  /** Ends all of them, and new ones at once: browsers open theirs again, at an instance that stays. */
  drain(): void;
};

type Parts = {
  live: Pick<LiveConnections, "add">;
  maxStreams: number;
  /** The clock that all instances share: a stream that moves to another one must not be told another end. */
  now: () => number;
  /** One heartbeat per stream in that time, well inside the minute that proxies commonly wait. */
  heartbeatMs?: number;
};

const HEARTBEAT_MS = 20_000;
/** The streams are spread over so many parts, so that a heartbeat never writes to all of them at once. */
const PARTS = 20;
/** A reader that is so far behind takes nothing at all: events are few and short. */
const MAX_UNREAD_BYTES = 16_384;
/** Between these a browser waits before it opens a lost stream again: all at once would be a wave. */
const RETRY_MS = { least: 1_000, most: 4_000 };
/** The same while the store is away, which is rarely over in a second. */
const RETRY_POSTPONED_MS = { least: 3_000, most: 8_000 };
/** For a page that does not close its stream when told that the session has ended. */
const RETRY_AFTER_END_MS = 60_000;
/** An end that moved by less is the same: times are read at different moments. */
const SAME_END_MS = 2_000;

const HEAD = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "no-store",
  // nginx would collect an answer otherwise.
  "X-Accel-Buffering": "no",
};

export function createEventStreams({ live, maxStreams, now, heartbeatMs = HEARTBEAT_MS }: Parts): EventStreams {
  const parts = Array.from({ length: PARTS }, () => new Set<ServerResponse>());
  const quota = createEventStreamQuota(maxStreams);
  let opened = 0;
  let isDraining = false;

  let beat = 0;
  const heartbeats = setInterval(() => {
    for (const response of partOf(parts, beat++)) write(response, ":\n\n");
  }, heartbeatMs / PARTS).unref();

  return {
    open(listener, response) {
      if (isDraining) return void begin(response, RETRY_MS).end();
      // A browser that left while its session was looked for would never give its place back.
      if (response.destroyed) return;
      const release = quota.acquire(listener);
      const part = partOf(parts, opened++);
      begin(response, RETRY_MS);
      part.add(response);
      const remove = live.add(listener.key, (reason) => sayEnd(response, reason), tellLimits(response, now));
      response.once("close", () => {
        remove();
        part.delete(response);
        release();
      });
    },
    sayEnded: (reason, response) => sayEnd(begin(response), reason),
    postpone: (response) => void begin(response, RETRY_POSTPONED_MS).end(),
    count: quota.count,
    drain() {
      isDraining = true;
      clearInterval(heartbeats);
      for (const part of parts) for (const response of part) response.end();
    },
  };
}

/** @param retry within which the browser opens a lost stream again, at random */
function begin(response: ServerResponse, retry?: { least: number; most: number }): ServerResponse {
  response.writeHead(200, HEAD);
  if (retry !== undefined)
    write(response, `retry: ${Math.round(retry.least + Math.random() * (retry.most - retry.least))}\n\n`);
  return response;
}

function partOf(parts: readonly Set<ServerResponse>[], n: number): Set<ServerResponse> {
  return parts[n % PARTS] as Set<ServerResponse>;
}

/** Says `session-expiring` once the end is near, again where it moved, and `session-extended` where it moved away. */
function tellLimits(response: ServerResponse, now: () => number): (limits: SessionLimits) => void {
  let toldEndMs: number | undefined;
  return (limits) => {
    const { idleExpiresInMs, expiresInMs } = limits;
    const nowMs = now();
    const endMs = nowMs + Math.min(idleExpiresInMs, expiresInMs);
    const isNear = endMs - nowMs <= leadMsOf(limits);
    if (!isNear && toldEndMs === undefined) return;
    if (isNear && toldEndMs !== undefined && Math.abs(endMs - toldEndMs) < SAME_END_MS) return;
    toldEndMs = isNear ? endMs : undefined;
    const times = { idleExpiresAt: isoTime(endMs), expiresAt: isoTime(nowMs + expiresInMs) };
    write(response, event(isNear ? "session-expiring" : "session-extended", times));
  };
}

function sayEnd(response: ServerResponse, reason: EndReason): void {
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
  if (response.writableLength > MAX_UNREAD_BYTES) response.destroy();
  else response.write(text);
}
