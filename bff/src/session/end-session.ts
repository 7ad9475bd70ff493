// Ending sessions, on every instance at once: the store deletes the record permanently, the log records it, and the indexes
// drop it.
import type { Log } from "../logging/log.ts";
import {
  ACKNOWLEDGED,
  ALL_SESSIONS,
  LOGIN_TAKES_AT_MOST_MS,
  type EndReason,
  type SessionKey,
  type Store,
} from "../store/store.ts";
import { indexesOf } from "./indexes.ts";
import { earliestTimeOf, parseSession, providerSessionName } from "./session.ts";

/** @returns whether there was a session to end. @throws GatewayError store_unavailable */
export type EndSession = (key: SessionKey, reason: EndReason) => Promise<boolean>;

type EndSessionDependencies = {
  store: Pick<Store, "end" | "removeFromIndex">;
  log: Pick<Log, "security">;
  /** Resolves when no instance can still have a session in its cache that is ended now. */
  untilAcknowledged: () => Promise<void>;
};

export function createEndSession({ store, log, untilAcknowledged }: EndSessionDependencies): EndSession {
  return async function endSession(key, reason) {
    const json = await store.end(key, reason);
    const acknowledged = ACKNOWLEDGED.has(reason) ? untilAcknowledged() : Promise.resolve();
    const session = json === undefined ? undefined : parseSession(json);
    if (session !== undefined) {
      log.security("session_ended", {
        session: session.handle,
        subject: session.subject,
        providerSession: providerSessionName(session.providerSid),
        reason,
      });
      // A failure leaves an entry that names a deleted record; readers skip those.
      await Promise.allSettled(indexesOf(session).map((name) => store.removeFromIndex(name, key)));
    }
    await acknowledged;
    return session !== undefined;
  };
}

/** Receives the number of sessions that have just ended, also before an error. */
export type OnEnded = (count: number) => void;

/** Ends in progress at the same time: bounds the load on the store. */
const ENDS_AT_ONCE = 64;

type EndBatches = { endSession: EndSession; keys: readonly SessionKey[]; reason: EndReason; onEnded: OnEnded };

/** After an error it can be called again. @throws GatewayError store_unavailable, after `onEnded` */
export async function endInBatches({ endSession, keys, reason, onEnded }: EndBatches): Promise<void> {
  for (let at = 0; at < keys.length; at += ENDS_AT_ONCE) {
    const batch = keys.slice(at, at + ENDS_AT_ONCE).map((key) => endSession(key, reason));
    const results = await Promise.allSettled(batch);
    onEnded(results.filter((result) => result.status === "fulfilled" && result.value).length);
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }
}

type EndAllSessionsOptions = {
  store: Pick<Store, "closeIndex" | "listAll" | "nowMs" | "read">;
  endSession: EndSession;
  reason: EndReason;
  onEnded: OnEnded;
};

/** While a Cluster moves slots, a scan may miss sessions: it is repeated until it finds none, at most this often. */
const MAX_SCANS = 10;

/**
 * Ends the sessions of all users that began before the call, also those in no index and logins that are being stored.
 * @throws GatewayError store_unavailable
 */
export async function endAllSessions({ store, endSession, reason, onEnded }: EndAllSessionsOptions): Promise<void> {
  const nowSeconds = Math.floor(store.nowMs() / 1000);
  // Before the scan: a login that is stored from here on sees the closed index, and the scan finds all earlier ones.
  await store.closeIndex(ALL_SESSIONS, { issuedAtSeconds: nowSeconds, ttlMs: LOGIN_TAKES_AT_MOST_MS });
  const beganBefore = async (key: SessionKey): Promise<boolean> => {
    const stored = await store.read(key);
    const session = stored === undefined ? undefined : parseSession(stored.session);
    // An unreadable record was written by another release, and is ended as well.
    return stored !== undefined && (session === undefined || earliestTimeOf(session) <= nowSeconds);
  };
  let found = true;
  for (let scans = 0; found && scans < MAX_SCANS; scans++) {
    found = false;
    for await (const keys of store.listAll()) {
      const isEarlier = await Promise.all(keys.map(beganBefore));
      const earlier = keys.filter((_key, at) => isEarlier[at] === true);
      if (earlier.length > 0) found = true;
      await endInBatches({ endSession, keys: earlier, reason, onEnded });
    }
  }
}
