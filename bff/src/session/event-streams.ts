// GET /bff/events below the route: every open stream of this instance, what it is told of its session, and its bounds.
import type { ServerResponse } from "node:http";
import { GatewayError } from "../errors.ts";
import type { EndReason, SessionKey, SessionLimits } from "../store.ts";
import { CODE_OF_END } from "./end-codes.ts";
import { leadMsOf, type LiveConnections } from "./live-connections.ts";

export type EventStreams = {
  /**
   * Takes over an answer whose head has not been sent.
   * @throws GatewayError too_many_connections
   */
  open(key: SessionKey, response: ServerResponse): void;
  count(): number;
  /** Ends all of them, and new ones at once: browsers open theirs again, at an instance that stays. */
  drain(): void;
};

type Parts = {
  live: Pick<LiveConnections, "add">;
  maxStreams: number;
  /** One heartbeat per stream in that time, well inside the minute that proxies commonly wait. */
  heartbeatMs?: number;
};

/** More tabs of one browser than a person has; a page that opens streams in a loop gets no further. */
export const STREAMS_PER_SESSION = 32;
const HEARTBEAT_MS = 20_000;
/** The streams are spread over so many parts, so that a heartbeat never writes to all of them at once. */
const PARTS = 20;
/** A reader that is so far behind takes nothing at all: events are few and short. */
const MAX_UNREAD_BYTES = 16_384;
/** Between these a browser waits before it opens a lost stream again: all at once would be a wave. */
const RETRY_MS = { least: 1_000, most: 4_000 };
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

export function createEventStreams({ live, maxStreams, heartbeatMs = HEARTBEAT_MS }: Parts): EventStreams {
  const parts = Array.from({ length: PARTS }, () => new Set<ServerResponse>());
  const ofSession = new Map<SessionKey, number>();
  let opened = 0;
  let isDraining = false;

  let beat = 0;
  const heartbeats = setInterval(() => {
    for (const response of partOf(parts, beat++)) write(response, ":\n\n");
  }, heartbeatMs / PARTS).unref();

  const count = () => parts.reduce((sum, { size }) => sum + size, 0);
  const admit = (key: SessionKey): void => {
    const own = ofSession.get(key) ?? 0;
    if (own >= STREAMS_PER_SESSION) throw tooMany("the session has as many event streams as it may have");
    if (count() >= maxStreams) throw tooMany("MAX_EVENT_STREAMS is reached");
    ofSession.set(key, own + 1);
  };
  const release = (key: SessionKey): void => {
    const left = (ofSession.get(key) ?? 1) - 1;
    if (left === 0) ofSession.delete(key);
    else ofSession.set(key, left);
  };

  return {
    open(key, response) {
      if (!isDraining) admit(key);
      const part = partOf(parts, opened++);
      response.writeHead(200, HEAD);
      write(response, `retry: ${Math.round(RETRY_MS.least + Math.random() * (RETRY_MS.most - RETRY_MS.least))}\n\n`);
      if (isDraining) return void response.end();
      part.add(response);
      const remove = live.add(key, (reason) => sayEnd(response, reason), tellLimits(response));
      response.once("close", () => {
        remove();
        part.delete(response);
        release(key);
      });
    },
    count,
    drain() {
      isDraining = true;
      clearInterval(heartbeats);
      for (const part of parts) for (const response of part) response.end();
    },
  };
}

function partOf(parts: readonly Set<ServerResponse>[], n: number): Set<ServerResponse> {
  return parts[n % PARTS] as Set<ServerResponse>;
}

/** Says `session-expiring` once the end is near, again where it moved, and `session-extended` where it moved away. */
function tellLimits(response: ServerResponse): (limits: SessionLimits) => void {
  let toldEndMs: number | undefined;
  return (limits) => {
    const { idleExpiresInMs, expiresInMs } = limits;
    const nowMs = Date.now();
    const endMs = nowMs + Math.min(idleExpiresInMs, expiresInMs);
    const isNear = endMs - nowMs <= leadMsOf(limits);
    if (!isNear && toldEndMs === undefined) return;
    if (isNear && toldEndMs !== undefined && Math.abs(endMs - toldEndMs) < SAME_END_MS) return;
    toldEndMs = isNear ? endMs : undefined;
    const times = { idleExpiresAt: iso(endMs), expiresAt: iso(nowMs + expiresInMs) };
    write(response, event(isNear ? "session-expiring" : "session-extended", times));
  };
}

function sayEnd(response: ServerResponse, reason: EndReason): void {
  write(response, `retry: ${RETRY_AFTER_END_MS}\n${event("session-ended", { reason, code: CODE_OF_END[reason] })}`);
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

function tooMany(reason: string): GatewayError {
  return new GatewayError("too_many_connections", { reason, retryAfterSeconds: 60 });
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
