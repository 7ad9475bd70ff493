// Sessions: find, keep alive (sliding expiry), begin, end. Used by every route and by the forwarding of requests.
import { FifoCache } from "../lib/fifo-cache.ts";
import { mapMaybePromise, type MaybePromise } from "../lib/maybe-promise.ts";
import { createInFlightTable, type InFlight } from "../lib/in-flight.ts";
import type { Log } from "../logging/log.ts";
import {
  ALL_SESSIONS,
  LOGIN_TAKES_AT_MOST_MS,
  type EndReason,
  type SessionKey,
  type SessionTimes,
  type Store,
  type StoredSession,
  type TokenLife,
} from "../store/store.ts";
import { createEndSession } from "./end-session.ts";
import { endedUserIndex, indexesOf, indexOf, type LogoutTarget } from "./indexes.ts";
import { earliestTimeOf, parseSession, sessionKeyOf, type Session } from "./session.ts";

export type FoundSession = {
  sessionId: string;
  key: SessionKey;
  session: Session;
  stored: StoredSession;
};

export type Sessions = {
  /** Reads from the session cache where it is provably fresh (session-cache.ts), otherwise from the store. */
  find(sessionId: string): MaybePromise<FoundSession | undefined>;
  findWithTimes(sessionId: string): Promise<(FoundSession & SessionTimes) | undefined>;
  /** Counts the requests of a session that wait for their responses in this process. */
  inFlightOf(key: SessionKey): InFlight;
  /** Why the session was ended. Undefined: it expired, or never existed. */
  endReason(sessionId: string): Promise<EndReason | undefined>;
  /** Slides the idle limit in the store: at most 30 times per idle period and at most once a minute, in the background. */
  keepAlive(found: FoundSession): void;
  /**
   * Stores a session with its sealed tokens and adds it to the indexes.
   * @returns false if a logout has already ended it; nothing is stored then
   */
  begin(begin: { sessionId: string; session: string; sealedTokens: string; tokenLife?: TokenLife }): Promise<boolean>;
  /** Ends a session on every instance. @returns whether there was one */
  end(key: SessionKey, reason: EndReason): Promise<boolean>;
  /**
   * Ends all sessions of a provider session or of a user, also logins that are being stored.
   * @param isConcerned limits it to some of the stored sessions
   * @returns how many
   */
  endAll(target: LogoutTarget, reason: EndReason, isConcerned?: (session: Session) => boolean): Promise<number>;
};

type Dependencies = {
  store: Store;
  /** Used by `find`. Default: `store.read`. */
  read?: (key: SessionKey) => MaybePromise<StoredSession | undefined>;
  /** Resolves when no instance can still have a session in its cache that is ended now. */
  untilAcknowledged?: () => Promise<void>;
  log: Log;
  sessionIdleMs: number;
  sessionMaxMs: number;
  /** Milliseconds of a monotonic clock. */
  monotonicMs?: () => number;
};

/** About a hundred bytes each. */
const MAX_SLIDING_SESSIONS = 100_000;

// oxlint-disable-next-line max-lines-per-function -- a factory: its functions share state and are short
export function createSessions(dependencies: Dependencies): Sessions {
  const { store, read = store.read, untilAcknowledged = () => Promise.resolve(), log } = dependencies;
  const { sessionIdleMs, sessionMaxMs, monotonicMs = () => performance.now() } = dependencies;
  /** Precision of the idle limit: a session may expire this much early, never late. */
  const slideEveryMs = Math.min(sessionIdleMs / 30, 60_000);
  /** By the record that they were parsed from: an unchanged record is the same object (session-cache.ts). */
  const parsed = new WeakMap<StoredSession, FoundSession>();
  const inFlight = createInFlightTable();
  /** Kept apart from the records: a slide makes every instance read the record again, so its rate must stay bounded. */
  const slidAtMs = new FifoCache<SessionKey, number>(MAX_SLIDING_SESSIONS);

  const foundFrom = (sessionId: string, key: SessionKey, stored: StoredSession): FoundSession | undefined => {
    const known = parsed.get(stored);
    if (known !== undefined) return known;
    const session = parseSession(stored.session);
    if (session === undefined) return undefined;
    const found = { sessionId, key, session, stored };
    parsed.set(stored, found);
    return found;
  };

  const end = createEndSession({ store, log, untilAcknowledged });

  const select = async (keys: SessionKey[], isConcerned: (session: Session) => boolean): Promise<SessionKey[]> => {
    const stored = await Promise.all(keys.map((key) => store.read(key)));
    return keys.filter((_key, at) => {
      const json = stored[at]?.session;
      const session = json === undefined ? undefined : parseSession(json);
      // An unreadable record was written by another release: it cannot be used here, and is ended as well.
      return json !== undefined && (session === undefined || isConcerned(session));
    });
  };

  return {
    find(sessionId) {
      const key = sessionKeyOf(sessionId);
      return mapMaybePromise(read(key), (stored) =>
        stored === undefined ? undefined : foundFrom(sessionId, key, stored),
      );
    },
    async findWithTimes(sessionId) {
      const key = sessionKeyOf(sessionId);
      const stored = await store.readWithTimes(key);
      const found = stored === undefined ? undefined : foundFrom(sessionId, key, stored);
      if (stored === undefined || found === undefined) return undefined;
      const { idleExpiresInMs, expiresInMs, usedAgoMs } = stored;
      return { ...found, idleExpiresInMs, expiresInMs, usedAgoMs };
    },
    inFlightOf: inFlight.of,
    endReason: (sessionId) => store.endReason(sessionKeyOf(sessionId)),
    keepAlive({ key }) {
      const nowMs = monotonicMs();
      if (nowMs - (slidAtMs.get(key) ?? -Infinity) < slideEveryMs) return;
      slidAtMs.set(key, nowMs);
      store.slide(key).catch(() => slidAtMs.delete(key));
    },
    async begin({ sessionId, session: json, sealedTokens, tokenLife = "unknown" }) {
      const key = sessionKeyOf(sessionId);
      const session = parseSession(json);
      if (session === undefined) throw new TypeError("not a session record");
      const limits = { idleMs: sessionIdleMs, maxMs: sessionMaxMs, tokenLife };
      const created = await store.create({ key, session: json, tokens: sealedTokens, ...limits });
      if (!created) return false;
      for (const name of indexesOf(session)) {
        const { issuedAtSeconds } = session;
        if (await store.addToIndex(name, { key, maxMs: sessionMaxMs, issuedAtSeconds })) continue;
        await end(key, "provider_logout");
        return false;
      }
      // After the record is stored: either this check sees a concurrent end, or that end finds the record.
      const closed = [ALL_SESSIONS, endedUserIndex(session)].map((name) =>
        store.isClosed(name, earliestTimeOf(session)),
      );
      if (!(await Promise.all(closed)).includes(true)) return true;
      await end(key, "revoked");
      return false;
    },
    end,
    async endAll(target, reason, isConcerned) {
      const close =
        target.kind === "provider-session"
          ? { issuedAtSeconds: undefined, ttlMs: sessionMaxMs }
          : { issuedAtSeconds: target.issuedAtSeconds, ttlMs: LOGIN_TAKES_AT_MOST_MS };
      const listed = await store.closeIndex(indexOf(target), close);
      const keys = isConcerned === undefined ? listed : await select(listed, isConcerned);
      // A concurrent call may have ended them; wait until its end is acknowledged by all instances (I2).
      if (keys.length === 0) await untilAcknowledged();
      const ended = await Promise.all(keys.map((key) => end(key, reason)));
      return ended.filter(Boolean).length;
    },
  };
}
