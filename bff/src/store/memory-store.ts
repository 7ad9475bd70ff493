// In-memory session store for a single process without Redis. Passes the same contract tests as the Redis store.
import { createRequestCounts } from "./request-counts.ts";
import {
  TOMBSTONE_MS,
  type EndListener,
  type IndexName,
  type SessionKey,
  type Store,
  type TokenLife,
} from "./store.ts";

type SessionRecord = {
  session: string;
  tokens: string;
  tokenVersion: number;
  idleMs: number;
  idleEndsAtMs: number;
  endsAtMs: number;
  usedAtMs: number;
  tokenLifeMs: number;
  tokensEndAtMs: number;
  lease?: { owner: string; endsAtMs: number; foundEndedAtMs?: number };
};
type Expiring<T> = { value: T; endsAtMs: number };

/** Number of sessions in one step of `scanSessions`. */
const KEYS_PER_STEP = 64;

/** @param now milliseconds since the Unix epoch; tests replace it */
// oxlint-disable-next-line max-lines-per-function -- a factory: its functions share state and are short
export function createMemoryStore(now: () => number = Date.now): Store {
  const sessions = new Map<SessionKey, SessionRecord>();
  const values = new Map<string, Expiring<string>>();
  const indexes = new Map<string, Map<SessionKey, number>>();
  const listeners = new Set<EndListener>();
  const requestCounts = createRequestCounts(now);
  let nextSlotMs = 0;

  const live = (key: SessionKey): SessionRecord | undefined => {
    const record = sessions.get(key);
    if (record === undefined) return undefined;
    if (endOf(record) > now()) return record;
    sessions.delete(key);
    return undefined;
  };
  const valueOf = (name: string): string | undefined => {
    const entry = values.get(name);
    if (entry === undefined || entry.endsAtMs <= now()) return undefined;
    return entry.value;
  };
  const setOnce = (name: string, value: string, ttlMs: number): boolean => {
    if (valueOf(name) !== undefined) return false;
    values.set(name, { value, endsAtMs: now() + ttlMs });
    return true;
  };
  const recordOfOwner = (key: SessionKey, owner: string): SessionRecord | undefined => {
    const record = live(key);
    return record?.lease?.owner === owner ? record : undefined;
  };
  const isClosed = (name: IndexName, issuedAtSeconds: number): boolean => {
    const closed = valueOf(`closed ${nameOf(name)}`);
    return closed !== undefined && (closed === "*" || issuedAtSeconds <= Number(closed));
  };
  const sweep = setInterval(() => {
    for (const key of sessions.keys()) live(key);
    for (const [name, entry] of values) if (entry.endsAtMs <= now()) values.delete(name);
    for (const [name, keys] of indexes) {
      for (const [key, endsAtMs] of keys) if (endsAtMs <= now()) keys.delete(key);
      if (keys.size === 0) indexes.delete(name);
    }
    requestCounts.sweep();
  }, 30_000).unref();

  return {
    nowMs: now,
    // Not detected: the process has only this clock.
    setBackAtMs: () => -Infinity,
    async read(key, known) {
      const record = live(key);
      if (record === undefined) return undefined;
      const { session, tokens, tokenVersion } = record;
      if (known?.tokens === tokens && known.tokenVersion === tokenVersion && known.session === session) return known;
      return { session, tokens, tokenVersion };
    },
    async readWithTimes(key) {
      const record = live(key);
      if (record === undefined) return undefined;
      const expiresInMs = record.endsAtMs - now();
      const idleExpiresInMs = endOf(record) - now();
      return { ...record, expiresInMs, idleExpiresInMs, usedAgoMs: now() - record.usedAtMs };
    },
    async limitsOf(key) {
      const record = live(key);
      if (record === undefined) return undefined;
      const expiresInMs = record.endsAtMs - now();
      const idleMs = Math.min(record.idleMs, record.tokenLifeMs);
      return { idleExpiresInMs: endOf(record) - now(), expiresInMs, idleMs };
    },
    async create({ key, session, tokens, idleMs, maxMs, tokenLife }) {
      if (live(key) !== undefined || valueOf(`ended ${key}`) !== undefined) return false;
      const times = { idleMs, idleEndsAtMs: now() + idleMs, endsAtMs: now() + maxMs, usedAtMs: now() };
      sessions.set(key, { session, tokens, tokenVersion: 1, ...times, ...tokenTimes(tokenLife, now()) });
      return true;
    },
    async slide(key) {
      const record = live(key);
      if (record === undefined) return;
      record.idleEndsAtMs = now() + record.idleMs;
      record.usedAtMs = now();
    },
    async end(key, reason) {
      setOnce(`ended ${key}`, reason, TOMBSTONE_MS);
      const session = live(key)?.session;
      sessions.delete(key);
      if (session !== undefined) for (const { onEnd } of listeners) onEnd(key, reason);
      return session;
    },
    endReason: async (key) => valueOf(`ended ${key}`) as Awaited<ReturnType<Store["endReason"]>>,
    onSessionEnd(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    subscriptionError: () => undefined,

    async claimRefresh(key, { owner, tokenVersion, leaseMs, graceMs }) {
      const record = live(key);
      if (record === undefined) return { kind: "gone" };
      if (record.tokenVersion !== tokenVersion) return { kind: "changed", stored: { ...record } };
      const other = record.lease?.owner === owner ? undefined : record.lease;
      if (other !== undefined && other.endsAtMs > now()) return { kind: "busy", leaseMs: other.endsAtMs - now() };
      if (other !== undefined && other.endsAtMs > 0) {
        other.foundEndedAtMs ??= now();
        const graceLeftMs = graceMs - (now() - other.foundEndedAtMs);
        if (graceLeftMs > 0) return { kind: "busy", leaseMs: graceLeftMs };
      }
      record.lease = { owner, endsAtMs: now() + leaseMs };
      return { kind: "claimed", afterUnknown: other !== undefined };
    },
    async renewRefresh(key, owner, leaseMs) {
      const record = recordOfOwner(key, owner);
      if (record === undefined) return false;
      record.lease = { owner, endsAtMs: now() + leaseMs };
      return true;
    },
    async saveTokens(key, owner, tokens, { life = "unchanged", session } = {}) {
      const record = recordOfOwner(key, owner);
      if (record === undefined) return false;
      record.tokens = tokens;
      if (session !== undefined) record.session = session;
      record.tokenVersion += 1;
      if (life !== "unchanged") Object.assign(record, tokenTimes(life, now()));
      delete record.lease;
      return true;
    },
    async saveSession(key, tokenVersion, session) {
      const record = live(key);
      if (record?.tokenVersion !== tokenVersion) return false;
      record.session = session;
      return true;
    },
    async releaseRefresh(key, owner, outcome) {
      const record = recordOfOwner(key, owner);
      if (record === undefined) return;
      if (outcome === "unspent") delete record.lease;
      else record.lease = { owner, endsAtMs: 0 };
    },
    async acquireRefreshSlot({ intervalMs, maxWaitMs }) {
      const slotMs = Math.max(now(), nextSlotMs);
      const waitMs = Math.ceil(slotMs - now());
      const isAcquired = waitMs <= maxWaitMs;
      if (isAcquired) nextSlotMs = slotMs + intervalMs;
      return { isAcquired, waitMs };
    },
    countRequest: async (scope, counters) => requestCounts.countRequest(scope, counters),

    async addToIndex(name, { key, maxMs, issuedAtSeconds }) {
      if (isClosed(name, issuedAtSeconds)) return false;
      const index = indexes.get(nameOf(name)) ?? new Map<SessionKey, number>();
      indexes.set(nameOf(name), index.set(key, now() + maxMs));
      return true;
    },
    async removeFromIndex(name, key) {
      indexes.get(nameOf(name))?.delete(key);
    },
    listIndex: async (name) => [...(indexes.get(nameOf(name))?.keys() ?? [])],
    async closeIndex(name, { issuedAtSeconds, ttlMs }) {
      const closed = valueOf(`closed ${nameOf(name)}`);
      if (closed === undefined || (closed !== "*" && (issuedAtSeconds ?? Infinity) > Number(closed)))
        values.set(`closed ${nameOf(name)}`, { value: String(issuedAtSeconds ?? "*"), endsAtMs: now() + ttlMs });
      return [...(indexes.get(nameOf(name))?.keys() ?? [])];
    },
    isClosed: async (name, issuedAtSeconds) => isClosed(name, issuedAtSeconds),
    async *listAll() {
      yield [...sessions.keys()].filter((key) => live(key) !== undefined);
    },
    async scanSessions(position = "") {
      const left = [...sessions.keys()].filter((key) => key > position && live(key) !== undefined).toSorted();
      const keys = left.slice(0, KEYS_PER_STEP);
      return { keys, next: keys.length < left.length ? keys.at(-1) : undefined };
    },
    markUsed: async (purpose, hash, ttlMs) => setOnce(`used ${purpose} ${hash}`, "1", ttlMs),
    async claimOnce(purpose, hash, { owner, leaseMs }) {
      const name = `used ${purpose} ${hash}`;
      const value = valueOf(name);
      if (value === "1") return "used";
      if (value !== undefined && value !== owner) return "busy";
      values.set(name, { value: owner, endsAtMs: now() + leaseMs });
      return "claimed";
    },
    async completeClaim(purpose, hash, ttlMs) {
      values.set(`used ${purpose} ${hash}`, { value: "1", endsAtMs: now() + ttlMs });
    },
    async releaseClaim(purpose, hash, owner) {
      const name = `used ${purpose} ${hash}`;
      if (valueOf(name) === owner) values.delete(name);
    },

    check: async () => undefined,
    async close() {
      clearInterval(sweep);
    },
  };
}

const endOf = ({ idleEndsAtMs, endsAtMs, tokensEndAtMs }: SessionRecord) =>
  Math.min(idleEndsAtMs, endsAtMs, tokensEndAtMs);

function tokenTimes(life: TokenLife | undefined, nowMs: number) {
  const tokenLifeMs = typeof life === "number" ? life : Infinity;
  return { tokenLifeMs, tokensEndAtMs: nowMs + tokenLifeMs };
}

const nameOf = ({ kind, hash }: IndexName) => `${kind} ${hash}`;
