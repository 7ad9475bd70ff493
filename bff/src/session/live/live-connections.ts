// Connections that outlive the request that authorized them (event streams, WebSockets): each is told once when its
// session ends, on whatever instance that happens. The store's messages make it quick; looking again makes it certain.
import type { Log } from "../../logging/log.ts";
import type { EndReason, SessionKey, SessionLimits, Store } from "../../store/store.ts";

export type LiveConnections = {
  /**
   * Calls `onEnd` once, when the session has ended or run out: within a second of it, and of being added where it had
   * ended before. An outage of the store ends nothing. `onLimits` is told the limits soon, and whenever they were
   * looked at: the more often, the nearer the end.
   * @returns how to take it out again, as often as one likes
   */
  add(key: SessionKey, onEnd: (reason: EndReason) => void, onLimits?: (limits: SessionLimits) => void): () => void;
  count(): number;
  close(): void;
};

type Parts = {
  store: Pick<Store, "limitsOf" | "endReason" | "onSessionEnd">;
  log: Pick<Log, "error">;
};

/**
 * From so long before its end on a session counts as expiring: long enough to notice and to react, short enough not to
 * warn somebody who is at work.
 */
export function leadMsOf({ idleMs }: SessionLimits): number {
  return Math.min(120_000, idleMs / 5);
}

type Connection = {
  onEnd: (reason: EndReason) => void;
  onLimits: ((limits: SessionLimits) => void) | undefined;
};
type Watched = { connections: Set<Connection>; timer: NodeJS.Timeout | undefined };

/** Should a message get lost although its connection lives, so long later the end is found all the same. */
const LOOK_AGAIN_MS = 30_000;
const LOOK_AGAIN_NEAR_THE_END_MS = 3_000;
const LOOK_AGAIN_AFTER_FAULT_MS = 5_000;
/** After a gap all sessions are looked at: so many at once, so that requests are not kept waiting. */
const AT_ONCE = 100;

export function createLiveConnections({ store, log }: Parts): LiveConnections {
  const watched = new Map<SessionKey, Watched>();
  let gaps = 0;

  const tell = (call: () => void): void => {
    try {
      call();
    } catch (error) {
      // One connection's fault must not keep the others open.
      log.error("a live connection could not be told", { error });
    }
  };
  const finish = (key: SessionKey, reason: EndReason): void => {
    const found = watched.get(key);
    if (found === undefined) return;
    watched.delete(key);
    clearTimeout(found.timer);
    for (const { onEnd } of found.connections) tell(() => onEnd(reason));
  };
  const lookAgainIn = (key: SessionKey, ms: number): void => {
    const found = watched.get(key);
    if (found === undefined) return;
    clearTimeout(found.timer);
    found.timer = setTimeout(() => void look(key), ms).unref();
  };
  const look = async (key: SessionKey): Promise<void> => {
    try {
      const limits = await store.limitsOf(key);
      if (limits === undefined) return finish(key, (await store.endReason(key)) ?? "expired");
      for (const { onLimits } of watched.get(key)?.connections ?? []) tell(() => onLimits?.(limits));
      lookAgainIn(key, untilNextLook(limits));
    } catch {
      // I5: a store that does not answer ends nothing; it also tells of a gap once it is back.
      lookAgainIn(key, LOOK_AGAIN_AFTER_FAULT_MS * (0.5 + Math.random()));
    }
  };
  const lookAtAll = async (): Promise<void> => {
    const gap = ++gaps;
    const keys = [...watched.keys()];
    for (let from = 0; from < keys.length && gap === gaps; from += AT_ONCE)
      await Promise.all(keys.slice(from, from + AT_ONCE).map(look));
  };
  const stopListening = store.onSessionEnd({ onEnd: finish, onResubscribe: () => void lookAtAll() });

  return {
    add(key, onEnd, onLimits) {
      const connection = { onEnd, onLimits };
      const known = watched.get(key);
      const found = known ?? { connections: new Set(), timer: undefined };
      found.connections.add(connection);
      watched.set(key, found);
      // It may have ended between its authorization and now.
      if (known === undefined || onLimits !== undefined) void look(key);
      return () => {
        found.connections.delete(connection);
        if (found.connections.size > 0 || watched.get(key) !== found) return;
        clearTimeout(found.timer);
        watched.delete(key);
      };
    },
    count: () => [...watched.values()].reduce((sum, { connections }) => sum + connections.size, 0),
    close() {
      stopListening();
      for (const { timer } of watched.values()) clearTimeout(timer);
      watched.clear();
    },
  };
}

/** Exactly at the end, where nothing moves it; the margin is for timers that fire a little early. */
function untilNextLook(limits: SessionLimits): number {
  const leftMs = Math.min(limits.idleExpiresInMs, limits.expiresInMs);
  const leadMs = leadMsOf(limits);
  const isNear = leftMs <= leadMs;
  const nextMs = isNear ? leftMs : leftMs - leadMs;
  const againMs = isNear ? Math.min(LOOK_AGAIN_NEAR_THE_END_MS, Math.max(leadMs / 5, 100)) : LOOK_AGAIN_MS;
  return Math.min(nextMs + 5, againMs * (0.9 + Math.random() / 5));
}
