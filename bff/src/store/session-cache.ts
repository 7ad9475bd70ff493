// Sessions that this process may answer for without asking the store: read once, kept until anybody changes them, and
// used only while it is proven that no change is missing (docs/decisions/0013).
import type { MaybePromise } from "../lib/maybe-promise.ts";
import type { Log } from "../logging/log.ts";
import { MAX_STALENESS_MS, type ChangeFeed, type FeedState, type SessionKey, type Store } from "./store.ts";
import type { StoredSession } from "./store.ts";

/** How a session was read: from memory; from the store and kept; from the store, for nothing may be kept or believed. */
export type CacheOutcome = "hit" | "miss" | "bypass";

export type SessionCache = {
  /** The store for everybody else: what this process writes is forgotten here at once. */
  store: Store;
  /** At hand where it is kept. */
  read: (key: SessionKey) => MaybePromise<StoredSession | undefined>;
  /** At once where nobody keeps sessions in memory. */
  untilAcknowledged: typeof untilAcknowledged;
  /** Undefined: there is no cache. */
  state(): FeedState | undefined;
};

type Parts = {
  store: Store;
  log: Pick<Log, "info" | "warn">;
  metrics: {
    sessionRead(outcome: CacheOutcome): void;
    sessionChanged(): void;
    sessionCacheWorks(works: boolean): void;
  };
  /** 0: no cache. */
  maxAgeMs: number;
  /** Milliseconds of a clock that never goes back. */
  monotonicMs?: () => number;
};

type Entry = { stored: StoredSession; untilMs: number; size: number };
/** A read that is under way. `isOvertaken`: its record changed in the meantime, so its answer may be the old one. */
type Flight = { readers: number; isOvertaken: boolean };

/** More than one process serves at a time; characters of all records together, a byte or two each. */
const MOST = { entries: 20_000, characters: 64 * 1024 * 1024 };
/** A timer may fire a moment early, and every clock has its grain. */
const MARGIN_MS = 5;

export function createSessionCache({ store, log, metrics, maxAgeMs, monotonicMs }: Parts): SessionCache {
  if (maxAgeMs === 0 || store.subscribeInvalidations === undefined) return withoutCache(store);
  const clock = monotonicMs ?? (() => performance.now());
  const kept = createKept();
  const flights = new Map<SessionKey, Flight>();

  const forget = (key: SessionKey): void => {
    kept.delete(key);
    const flight = flights.get(key);
    if (flight === undefined) return;
    flight.isOvertaken = true;
    flights.delete(key);
  };
  const feed: ChangeFeed = store.subscribeInvalidations({
    changed(key) {
      metrics.sessionChanged();
      forget(key);
    },
    anyChanged() {
      kept.clear();
      for (const flight of flights.values()) flight.isOvertaken = true;
      flights.clear();
    },
    onState(state) {
      metrics.sessionCacheWorks(state.kind === "hearing");
      if (state.kind === "hearing") log.info("sessions are kept in memory: every change of one is heard of");
      else log.warn("sessions are not kept in memory: the store is asked on every request", { reason: state.reason });
    },
  });

  const readAndKeep = async (key: SessionKey): Promise<StoredSession | undefined> => {
    const flight = flights.get(key) ?? { readers: 0, isOvertaken: false };
    flights.set(key, flight);
    flight.readers += 1;
    const sentMs = clock();
    try {
      const found = await store.readWithTimes(key);
      if (found === undefined) return undefined;
      const { session, tokens, tokenVersion, idleExpiresInMs, expiresInMs } = found;
      const stored = { session, tokens, tokenVersion };
      const untilMs = sentMs + Math.min(idleExpiresInMs, expiresInMs, maxAgeMs);
      if (!flight.isOvertaken) kept.set(key, { stored, untilMs, size: session.length + tokens.length });
      return stored;
    } finally {
      flight.readers -= 1;
      if (flight.readers === 0 && flights.get(key) === flight) flights.delete(key);
    }
  };
  const forgetting =
    <Rest extends unknown[], Result>(write: (key: SessionKey, ...rest: Rest) => Promise<Result>) =>
    async (key: SessionKey, ...rest: Rest): Promise<Result> => {
      forget(key);
      // Also where the outcome is unknown, and what was read meanwhile.
      return write(key, ...rest).finally(() => forget(key));
    };

  return {
    store: { ...store, end: forgetting(store.end), saveTokens: forgetting(store.saveTokens) },
    read(key) {
      const isFresh = feed.isFresh();
      const entry = kept.get(key);
      if (entry !== undefined && clock() < entry.untilMs) {
        metrics.sessionRead(isFresh ? "hit" : "bypass");
        return isFresh ? entry.stored : store.read(key);
      }
      metrics.sessionRead(feed.isConnected() ? "miss" : "bypass");
      return feed.isConnected() ? readAndKeep(key) : store.read(key);
    },
    untilAcknowledged: () => (feed.state().kind === "impossible" ? Promise.resolve() : untilAcknowledged()),
    state: feed.state,
  };
}

/** Resolves when no instance can be unaware any more of a change that the store has just acknowledged. */
export function untilAcknowledged(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, MAX_STALENESS_MS + MARGIN_MS));
}

function withoutCache(store: Store): SessionCache {
  return { store, read: store.read, untilAcknowledged: () => Promise.resolve(), state: () => undefined };
}

/** Entries up to a number and a size; what was put in first is given up first. */
function createKept() {
  const entries = new Map<SessionKey, Entry>();
  let characters = 0;
  const remove = (key: SessionKey): void => {
    characters -= entries.get(key)?.size ?? 0;
    entries.delete(key);
  };
  return {
    get: (key: SessionKey) => entries.get(key),
    set(key: SessionKey, entry: Entry): void {
      remove(key);
      entries.set(key, entry);
      characters += entry.size;
      for (const oldest of entries.keys()) {
        if (entries.size <= MOST.entries && characters <= MOST.characters) break;
        remove(oldest);
      }
    },
    delete: remove,
    clear(): void {
      entries.clear();
      characters = 0;
    },
  };
}
