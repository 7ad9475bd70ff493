// LRU cache of introspection results, by the hash of the token.
import { FifoCache } from "../lib/fifo-cache.ts";
import type { TokenVerdict } from "./bearer-claims.ts";

/** Entries of a cache: a few kilobytes each. */
const MAX_CACHED = 10_000;
/** An inactive token does not become active again. Brief, because the provider may replicate a new token late. */
const REJECTED_MS = 5_000;

export type VerdictCache = {
  get(key: string): TokenVerdict | undefined;
  set(key: string, verdict: TokenVerdict): void;
};

type Cached = { verdict: TokenVerdict; untilMs: number };

/** @param cacheMs of accepted tokens, which are kept until their `exp` at most */
export function createVerdictCache({ cacheMs, now }: { cacheMs: number; now: () => number }): VerdictCache {
  // Separate, so that invented tokens do not evict valid ones.
  const valid = new FifoCache<string, Cached>(MAX_CACHED);
  const rejected = new FifoCache<string, Cached>(MAX_CACHED);

  const find = (cache: FifoCache<string, Cached>, key: string): TokenVerdict | undefined => {
    const entry = cache.get(key);
    if (entry === undefined) return undefined;
    if (entry.untilMs <= now()) {
      cache.delete(key);
      return undefined;
    }
    // The newest entry, so that tokens in use are evicted last (LRU).
    cache.set(key, entry);
    return entry.verdict;
  };
  return {
    get: (key) => find(valid, key) ?? find(rejected, key),
    set(key, verdict) {
      if (verdict.kind === "rejected") rejected.set(key, { verdict, untilMs: now() + REJECTED_MS });
      else valid.set(key, { verdict, untilMs: Math.min(now() + cacheMs, verdict.token.expiresAtMs) });
    },
  };
}
