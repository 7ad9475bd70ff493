// Sliding-window counters in memory: the same algorithm as the script `countRequest` of the Redis store.
import { FifoCache } from "../lib/fifo-cache.ts";
import type { RateLimitCounter, RateLimitState } from "./store.ts";

/** Requests of 1/32 of the window, oldest first. */
type Entry = { lastMs: number; count: number };
type Counted = { entries: Entry[]; endsAtMs: number };

const PARTS = 32;
/** A kilobyte each at most. The counters that were not used for longest are forgotten. */
const MAX_COUNTERS = 50_000;

export function createRequestCounts(now: () => number) {
  const counted = new FifoCache<string, Counted>(MAX_COUNTERS);

  const entriesOf = (name: string, windowMs: number): Entry[] =>
    (counted.get(name)?.entries ?? []).filter(({ lastMs }) => lastMs + windowMs > now());

  const save = (name: string, windowMs: number, entries: Entry[]): Entry[] => {
    const partOf = (ms: number) => Math.floor(ms / (windowMs / PARTS));
    const newest = entries.at(-1);
    const isSamePart = newest !== undefined && partOf(newest.lastMs) === partOf(now());
    const saved = isSamePart
      ? [...entries.slice(0, -1), { lastMs: now(), count: newest.count + 1 }]
      : [...entries, { lastMs: now(), count: 1 }];
    counted.set(name, { entries: saved, endsAtMs: now() + windowMs });
    return saved;
  };
  return {
    countRequest(scope: string, counters: readonly RateLimitCounter[]): RateLimitState[] {
      const found = counters.map((counter) => {
        const name = `${scope} ${counter.kind} ${counter.hash}`;
        const entries = entriesOf(name, counter.windowMs);
        return { counter, name, entries, state: stateOf(entries, counter, now()) };
      });
      if (found.some(({ state }) => state.retryAfterMs > 0)) return found.map(({ state }) => state);
      return found.map(({ counter, name, entries }) => {
        const state = stateOf(save(name, counter.windowMs, entries), counter, now());
        return { ...state, retryAfterMs: 0 };
      });
    },
    /** Forgets what no longer counts. */
    sweep(): void {
      for (const [name, { endsAtMs }] of counted) if (endsAtMs <= now()) counted.delete(name);
    },
  };
}

function stateOf(entries: readonly Entry[], { requests, windowMs }: RateLimitCounter, nowMs: number): RateLimitState {
  const leavesInMs = ({ lastMs }: Entry) => lastMs + windowMs - nowMs;
  const used = entries.reduce((sum, { count }) => sum + count, 0);
  let left = used;
  let retryAfterMs = 0;
  for (const entry of entries) {
    if (left < requests) break;
    left -= entry.count;
    retryAfterMs = leavesInMs(entry);
  }
  const [oldest] = entries;
  return {
    remaining: Math.max(0, requests - used),
    resetMs: oldest === undefined ? 0 : leavesInMs(oldest),
    retryAfterMs,
  };
}
