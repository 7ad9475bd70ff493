// Connections that outlive the request that authorized them (event streams, WebSockets). Each is notified once when its
// session ends on any instance: at once by the store's pub/sub, at the latest by a periodic check.
import type { Log } from "../../logging/log.ts";
import type { EndReason, SessionKey, SessionLimits, Store } from "../../store/store.ts";

export type LiveConnections = {
  /**
   * Calls `onEnd` once, within a second after the session has ended or expired; also if that was before this call. An
   * outage of the store ends no connection (I5). Calls `onLimits` at once and after each periodic check.
   * @returns a function that removes the connection; idempotent
   */
  add(key: SessionKey, onEnd: (reason: EndReason) => void, onLimits?: (limits: SessionLimits) => void): () => void;
  count(): number;
  close(): void;
};

type Dependencies = {
  store: Pick<Store, "limitsOf" | "endReason" | "onSessionEnd">;
  log: Pick<Log, "error">;
};

/** @returns how long before its end a session counts as expiring: a fifth of the idle limit, at most two minutes */
export function expiryWarningMs({ idleMs }: SessionLimits): number {
  return Math.min(120_000, idleMs / 5);
}

type Connection = {
  onEnd: (reason: EndReason) => void;
  onLimits: ((limits: SessionLimits) => void) | undefined;
};
type Watched = { connections: Set<Connection>; timer: NodeJS.Timeout | undefined };

/** Interval of checks: finds an end whose pub/sub message was lost. */
const CHECK_EVERY_MS = 30_000;
const CHECK_EVERY_MS_NEAR_END = 3_000;
const CHECK_AFTER_ERROR_MS = 5_000;
/** At most this many concurrent checks after a resubscription, so that they do not delay requests. */
const MAX_CONCURRENT_CHECKS = 100;

export function createLiveConnections({ store, log }: Dependencies): LiveConnections {
  const watched = new Map<SessionKey, Watched>();
  let resubscriptions = 0;

  const notify = (callback: () => void): void => {
    try {
      callback();
    } catch (error) {
      // An error of one connection must not keep the other connections open.
      log.error("live connection callback failed", { error });
    }
  };
  const end = (key: SessionKey, reason: EndReason): void => {
    const found = watched.get(key);
    if (found === undefined) return;
    watched.delete(key);
    clearTimeout(found.timer);
    for (const { onEnd } of found.connections) notify(() => onEnd(reason));
  };
  const scheduleCheck = (key: SessionKey, ms: number): void => {
    const found = watched.get(key);
    if (found === undefined) return;
    clearTimeout(found.timer);
    found.timer = setTimeout(() => void check(key), ms).unref();
  };
  const check = async (key: SessionKey): Promise<void> => {
    try {
      const limits = await store.limitsOf(key);
      if (limits === undefined) return end(key, (await store.endReason(key)) ?? "expired");
      for (const { onLimits } of watched.get(key)?.connections ?? []) notify(() => onLimits?.(limits));
      scheduleCheck(key, untilNextCheckMs(limits));
    } catch {
      // I5: an unavailable store ends nothing. Its resubscription checks all sessions again.
      scheduleCheck(key, CHECK_AFTER_ERROR_MS * (0.5 + Math.random()));
    }
  };
  /** Messages may have been lost before a resubscription. A later resubscription replaces this pass. */
  const checkAll = async (): Promise<void> => {
    const pass = ++resubscriptions;
    const keys = [...watched.keys()];
    for (let from = 0; from < keys.length && pass === resubscriptions; from += MAX_CONCURRENT_CHECKS)
      await Promise.all(keys.slice(from, from + MAX_CONCURRENT_CHECKS).map(check));
  };
  const unsubscribe = store.onSessionEnd({ onEnd: end, onResubscribe: () => void checkAll() });

  return {
    add(key, onEnd, onLimits) {
      const connection = { onEnd, onLimits };
      const known = watched.get(key);
      const found = known ?? { connections: new Set(), timer: undefined };
      found.connections.add(connection);
      watched.set(key, found);
      // The session may have ended since the request was authorized.
      if (known === undefined || onLimits !== undefined) void check(key);
      return function remove() {
        found.connections.delete(connection);
        if (found.connections.size > 0 || watched.get(key) !== found) return;
        clearTimeout(found.timer);
        watched.delete(key);
      };
    },
    count: () => [...watched.values()].reduce((sum, { connections }) => sum + connections.size, 0),
    close() {
      unsubscribe();
      for (const { timer } of watched.values()) clearTimeout(timer);
      watched.clear();
    },
  };
}

/** Exactly at the session's end if nothing moves it, plus 5 ms because timers may fire early. */
function untilNextCheckMs(limits: SessionLimits): number {
  const leftMs = Math.min(limits.idleExpiresInMs, limits.expiresInMs);
  const warningMs = expiryWarningMs(limits);
  const isNear = leftMs <= warningMs;
  const untilNextMs = isNear ? leftMs : leftMs - warningMs;
  const intervalMs = isNear ? Math.min(CHECK_EVERY_MS_NEAR_END, Math.max(warningMs / 5, 100)) : CHECK_EVERY_MS;
  return Math.min(untilNextMs + 5, intervalMs * (0.9 + Math.random() / 5));
}
