// Administration of one application's sessions: list, count, end. Used by the admin API and by the command line.
import type { Log } from "../logging/log.ts";
import {
  LOGIN_TAKES_AT_MOST_MS,
  TOMBSTONE_MS,
  type EndReason,
  type IndexName,
  type SessionKey,
  type Store,
} from "../store/store.ts";
import { createEndSession, endAllSessions, endInBatches, type OnEnded } from "./end-session.ts";
import { administratorEndIndex, endedUserIndex, handleIndex, indexOf, type UserName } from "./indexes.ts";
import { createSessionList, type PageRequest, type SessionDescription, type SessionPage } from "./session-list.ts";

/**
 * All of them throw GatewayError store_unavailable. An end is final on all instances when its promise resolves (I2), and may
 * be repeated after an error.
 */
export type Administration = {
  count(): Promise<number>;
  page(request: PageRequest): Promise<SessionPage>;
  /** @returns undefined if no session has this public handle */
  find(handle: string): Promise<SessionDescription | undefined>;
  /** For 24 hours, a repeated call ends the session once more. @returns false for an unknown handle */
  endOne(handle: string, onEnded: OnEnded): Promise<boolean>;
  /** Ends the sessions of the user, and rejects logins that the provider has granted before the call. */
  endUser(user: UserName, onEnded: OnEnded): Promise<void>;
  /** Ends the sessions that began with a session of the provider, and rejects further logins with it. */
  endProviderSession(session: { issuer: string; providerSid: string }, onEnded: OnEnded): Promise<void>;
  /** Ends the sessions of all users that began before the call; one run at a time. */
  endAll(onEnded: OnEnded): Promise<void>;
};

type Dependencies = {
  store: Store;
  log: Pick<Log, "security">;
  sessionMaxMs: number;
  /** Resolves when no instance can still have a session in its cache that is ended now. */
  untilAcknowledged: () => Promise<void>;
};

const REASON: EndReason = "revoked";

export function createAdministration(dependencies: Dependencies): Administration {
  const { store, log, sessionMaxMs, untilAcknowledged } = dependencies;
  const list = createSessionList(store);
  // Acknowledged once for all sessions of a call.
  const endSession = createEndSession({ store, log, untilAcknowledged: () => Promise.resolve() });
  const endKeys = async (keys: readonly SessionKey[], onEnded: OnEnded): Promise<void> => {
    await endInBatches({ endSession, keys, reason: REASON, onEnded });
    // Also without a session: a concurrent call may have ended them.
    await untilAcknowledged();
  };
  const keyOfHandle = async (handle: string): Promise<SessionKey | undefined> => {
    const keys = await store.listIndex(handleIndex(handle));
    for (const key of keys) if ((await list.read(key))?.session.handle === handle) return key;
    return undefined;
  };
  const close = (name: IndexName, issuedAtSeconds: number | undefined, ttlMs: number): Promise<SessionKey[]> =>
    store.closeIndex(name, { issuedAtSeconds, ttlMs });
  const runOfAll = oneRunAtATime((onEnded) => endAllSessions({ store, endSession, reason: REASON, onEnded }));

  return {
    async count() {
      // A Set, because a scan may return a key twice.
      const keys = new Set<SessionKey>();
      for await (const batch of store.listAll()) for (const key of batch) keys.add(key);
      return keys.size;
    },
    page: list.page,
    async find(handle) {
      const key = await keyOfHandle(handle);
      const found = key === undefined ? undefined : await list.read(key);
      return found && list.describe(found);
    },
    async endOne(handle, onEnded) {
      const requested = administratorEndIndex(handle);
      const key = await keyOfHandle(handle);
      // Before the end: afterwards a repeated call could no longer find the key by its handle.
      if (key !== undefined) await store.addToIndex(requested, { key, maxMs: TOMBSTONE_MS, issuedAtSeconds: 0 });
      const keys = key === undefined ? await store.listIndex(requested) : [key];
      if (keys.length === 0) return false;
      await endKeys(keys, onEnded);
      return true;
    },
    async endUser(user, onEnded) {
      const nowSeconds = Math.floor(store.nowMs() / 1000);
      await close(endedUserIndex(user), nowSeconds, LOGIN_TAKES_AT_MOST_MS);
      const target = { kind: "user", ...user, issuedAtSeconds: nowSeconds } as const;
      await endKeys(await close(indexOf(target), nowSeconds, LOGIN_TAKES_AT_MOST_MS), onEnded);
    },
    async endProviderSession(session, onEnded) {
      const index = indexOf({ kind: "provider-session", ...session });
      await endKeys(await close(index, undefined, sessionMaxMs), onEnded);
    },
    async endAll(onEnded) {
      await runOfAll(onEnded);
      await untilAcknowledged();
    },
  };
}

/**
 * One run at a time. A call shares only a run that begins after it: one in progress may have passed sessions that are newer
 * than it.
 */
function oneRunAtATime(run: (onEnded: OnEnded) => Promise<void>): (onEnded: OnEnded) => Promise<void> {
  let last: Promise<unknown> = Promise.resolve();
  let waiting: { listeners: OnEnded[]; done: Promise<void> } | undefined;
  return function queueRun(onEnded) {
    if (waiting === undefined) {
      const listeners: OnEnded[] = [];
      const begin = (): Promise<void> => {
        waiting = undefined;
        return run((count) => {
          for (const listener of listeners) listener(count);
        });
      };
      waiting = { listeners, done: last.then(begin, begin) };
      last = waiting.done;
    }
    waiting.listeners.push(onEnded);
    return waiting.done;
  };
}
