// Cache of session records: the one place in this process that keeps them.
// With Redis's invalidations connected, an entry serves reads until its record changes (docs/decisions/0013). Without
// them every read goes to the store, and the entry only saves the transfer of a record that has not changed.
// An unchanged record is always the same object, so what is derived from it (the parsed session, the decrypted tokens)
// is kept in a WeakMap by that object and disappears with the entry.
import { createCacheBudget, type CacheBudget } from "./cache-budget.ts";
import type { MaybePromise } from "../lib/maybe-promise.ts";
import type { Log } from "../logging/log.ts";
import { MAX_STALENESS_MS, type InvalidationFeed, type FeedState, type SessionKey, type Store } from "./store.ts";
import type { StoredSession } from "./store.ts";

/** How a session was read: from the cache; from the store, and cached; from the store, because invalidations may be missing. */
export type CacheOutcome = "hit" | "miss" | "bypass";

export type SessionCache = {
  /** The store for all writes: a write through it removes the entry at once. */
  store: Store;
  /** Synchronous for a cache hit. */
  read: (key: SessionKey) => MaybePromise<StoredSession | undefined>;
  /** Resolves at once if no instance serves reads from its cache. */
  untilAcknowledged: typeof untilAcknowledged;
  /** State of the invalidations; undefined if the cache never serves reads. */
  state(): FeedState | undefined;
  /** Ends the subscription to invalidations; the store stays open. */
  close(): void;
};

type Dependencies = {
  store: Store;
  log: Pick<Log, "info" | "warn">;
  metrics: {
    sessionRead(outcome: CacheOutcome): void;
    sessionChanged(): void;
    sessionCacheWorks(works: boolean): void;
  };
  /** How long an entry may serve reads; 0: never. */
  maxAgeMs: number;
  /** The bound of all caches of the process. */
  budget?: CacheBudget;
  /** Milliseconds of a monotonic clock. */
  monotonicMs?: () => number;
};

/** `usableUntilMs` 0: the entry is for conditional reads only. `size` in characters. */
type Entry = { stored: StoredSession; usableUntilMs: number; size: number };
/** A read in flight. `isOvertaken`: its record changed meanwhile, so its result may be the previous record. */
type ReadInFlight = { readers: number; isOvertaken: boolean };

/** Timers may fire early by their resolution. */
const MARGIN_MS = 5;

// oxlint-disable-next-line max-lines-per-function -- a factory: its functions share state and are short
export function createSessionCache(dependencies: Dependencies): SessionCache {
  const { store, log, metrics, maxAgeMs, budget = createCacheBudget(), monotonicMs } = dependencies;
  const entries = createEntries(budget);
  const readConditionally = async (key: SessionKey): Promise<StoredSession | undefined> => {
    const known = entries.get(key)?.stored;
    const stored = await store.read(key, known);
    if (stored === undefined) entries.delete(key);
    else if (stored !== known) entries.set(key, { stored, usableUntilMs: 0, size: sizeOf(stored) });
    return stored;
  };
  if (maxAgeMs === 0 || store.subscribeInvalidations === undefined)
    return {
      store,
      read: readConditionally,
      untilAcknowledged: () => Promise.resolve(),
      state: () => undefined,
      close: entries.close,
    };

  const clock = monotonicMs ?? (() => performance.now());
  const inFlight = new Map<SessionKey, ReadInFlight>();
  const invalidate = (key: SessionKey): void => {
    entries.delete(key);
    const reading = inFlight.get(key);
    if (reading === undefined) return;
    reading.isOvertaken = true;
    inFlight.delete(key);
  };
  const feed: InvalidationFeed = store.subscribeInvalidations({
    changed(key) {
      metrics.sessionChanged();
      invalidate(key);
    },
    anyChanged() {
      entries.clear();
      for (const reading of inFlight.values()) reading.isOvertaken = true;
      inFlight.clear();
    },
    onState(state) {
      metrics.sessionCacheWorks(state.kind === "connected");
      if (state.kind === "connected") log.info("session cache enabled: invalidations connected");
      else log.warn("session cache bypassed: every request reads from the store", { reason: state.reason });
    },
  });

  const readAndCache = async (key: SessionKey): Promise<StoredSession | undefined> => {
    const reading = inFlight.get(key) ?? { readers: 0, isOvertaken: false };
    inFlight.set(key, reading);
    reading.readers += 1;
    const sentMs = clock();
    try {
      const found = await store.readWithTimes(key);
      if (found === undefined) return undefined;
      const { session, tokens, tokenVersion, idleExpiresInMs, expiresInMs } = found;
      const stored = { session, tokens, tokenVersion };
      const usableUntilMs = sentMs + Math.min(idleExpiresInMs, expiresInMs, maxAgeMs);
      if (!reading.isOvertaken) entries.set(key, { stored, usableUntilMs, size: sizeOf(stored) });
      return stored;
    } finally {
      reading.readers -= 1;
      if (reading.readers === 0 && inFlight.get(key) === reading) inFlight.delete(key);
    }
  };
  const invalidating =
    <Rest extends unknown[], Result>(write: (key: SessionKey, ...rest: Rest) => Promise<Result>) =>
    async (key: SessionKey, ...rest: Rest): Promise<Result> => {
      invalidate(key);
      // Again afterwards: also if the outcome is unknown, and for reads that began meanwhile.
      return write(key, ...rest).finally(() => invalidate(key));
    };

  return {
    store: {
      ...store,
      ...{ end: invalidating(store.end), saveTokens: invalidating(store.saveTokens) },
      saveSession: invalidating(store.saveSession),
    },
    read(key) {
      const isFresh = feed.isFresh();
      const entry = entries.get(key);
      if (entry !== undefined && clock() < entry.usableUntilMs) {
        metrics.sessionRead(isFresh ? "hit" : "bypass");
        return isFresh ? entry.stored : readConditionally(key);
      }
      metrics.sessionRead(feed.isConnected() ? "miss" : "bypass");
      return feed.isConnected() ? readAndCache(key) : readConditionally(key);
    },
    untilAcknowledged: () => (feed.state().kind === "unsupported" ? Promise.resolve() : untilAcknowledged()),
    state: feed.state,
    close() {
      feed.close();
      entries.close();
    },
  };
}

/** Resolves when every instance has either seen a change that the store has just acknowledged, or stopped using its cache. */
export function untilAcknowledged(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, MAX_STALENESS_MS + MARGIN_MS));
}

const sizeOf = ({ session, tokens }: StoredSession): number => session.length + tokens.length;

/** FIFO cache, bounded by number and by size. */
function createEntries(budget: CacheBudget) {
  const entries = new Map<SessionKey, Entry>();
  const remove = (key: SessionKey): void => {
    const entry = entries.get(key);
    if (entry === undefined) return;
    entries.delete(key);
    share.remove(entry.size);
  };
  const share = budget.join(() => {
    const [oldest] = entries.keys();
    if (oldest === undefined) return false;
    remove(oldest);
    return true;
  });
  return {
    get: (key: SessionKey) => entries.get(key),
    set(key: SessionKey, entry: Entry): void {
      remove(key);
      entries.set(key, entry);
      share.add(entry.size);
    },
    delete: remove,
    clear(): void {
      for (const key of entries.keys()) remove(key);
    },
    close(): void {
      entries.clear();
      share.leave();
    },
  };
}
