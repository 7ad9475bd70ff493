// What can be done with sessions below any route: find one, keep it alive, begin one, end one everywhere.
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
import { endEverything } from "./end-all-sessions.ts";
import { createEnding } from "./end-session.ts";
import { indexesOf, indexOf, type LogoutTarget } from "./indexes.ts";
import { earliestTimeOf, parseSession, sessionKeyOf, type Session } from "./session.ts";

export type FoundSession = {
  sessionId: string;
  key: SessionKey;
  session: Session;
  stored: StoredSession;
};

export type Sessions = {
  /** From memory where that is as good as asking the store (session-cache.ts). */
  find(sessionId: string): MaybePromise<FoundSession | undefined>;
  findWithTimes(sessionId: string): Promise<(FoundSession & SessionTimes) | undefined>;
  /** Counts the requests of a session that wait for their responses in this process. */
  inFlightOf(key: SessionKey): InFlight;
  /** Why a session id is no longer good; undefined: it ran out, or never was. */
  endReason(sessionId: string): Promise<EndReason | undefined>;
  /** Tells the store that the session is in use: at most once in a while, and never waited for. */
  keepAlive(found: FoundSession): void;
  /**
   * Stores a session with its sealed tokens and enters it into the indexes.
   * @returns false where it was ended before it began: then nothing is left of it.
   */
  begin(begin: { sessionId: string; session: string; sealedTokens: string; tokenLife?: TokenLife }): Promise<boolean>;
  /** Ends a session on every instance. @returns whether there was one. */
  end(key: SessionKey, reason: EndReason): Promise<boolean>;
  /** Ends all sessions of a provider session, or of a user; also those that are just being stored. */
  endAll(target: LogoutTarget, reason: EndReason): Promise<number>;
  /**
   * Ends every session that began before now, whether an index knows it or not, and bars every login that was granted
   * before now. `onEnded` hears how many it were so far. Safe to be called again, should it fail half-way.
   */
  endEverything(reason: EndReason, onEnded: (count: number) => void): Promise<void>;
};

type Parts = {
  store: Store;
  /** For `find`; default: the store itself. */
  read?: (key: SessionKey) => MaybePromise<StoredSession | undefined>;
  /** Resolves when no instance can be unaware any more of an end that is stored now. */
  untilAcknowledged?: () => Promise<void>;
  log: Log;
  sessionIdleMs: number;
  sessionMaxMs: number;
  /** Milliseconds of a clock that never goes back. */
  monotonicMs?: () => number;
};

/** A hundred bytes each. */
const MOST_SLIDING_SESSIONS = 100_000;

export function createSessions(parts: Parts): Sessions {
  const { store, read = store.read, untilAcknowledged = () => Promise.resolve(), log } = parts;
  const { sessionIdleMs, sessionMaxMs, monotonicMs } = parts;
  const clock = monotonicMs ?? (() => performance.now());
  /** The idle limit is precise to this: a session may end so much early, never late. */
  const slideEveryMs = Math.min(sessionIdleMs / 30, 60_000);
  /** By the record that they were parsed from: an unchanged record is the same object (session-cache.ts). */
  const parsed = new WeakMap<StoredSession, FoundSession>();
  const inFlight = createInFlightTable();
  /** Kept apart from the records: a slide makes every instance read the record again, so its rate must stay bounded. */
  const slidAtMs = new FifoCache<SessionKey, number>(MOST_SLIDING_SESSIONS);

  const foundFrom = (sessionId: string, key: SessionKey, stored: StoredSession): FoundSession | undefined => {
    const known = parsed.get(stored);
    if (known !== undefined) return known;
    const session = parseSession(stored.session);
    if (session === undefined) return undefined;
    const found = { sessionId, key, session, stored };
    parsed.set(stored, found);
    return found;
  };

  const end = createEnding({ store, log, untilAcknowledged });

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
      const nowMs = clock();
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
      // After it can be found: either this sees that all sessions are ended, or whoever ends them sees this one.
      if (!(await store.isClosed(ALL_SESSIONS, earliestTimeOf(session)))) return true;
      await end(key, "revoked");
      return false;
    },
    end,
    async endAll(target, reason) {
      const close =
        target.kind === "user"
          ? { issuedAtSeconds: target.issuedAtSeconds, ttlMs: LOGIN_TAKES_AT_MOST_MS }
          : { issuedAtSeconds: undefined, ttlMs: sessionMaxMs };
      const keys = await store.closeIndex(indexOf(target), close);
      // Somebody else may be ending them, and is not done before all have heard (I2).
      if (keys.length === 0) await untilAcknowledged();
      const ended = await Promise.all(keys.map((key) => end(key, reason)));
      return ended.filter(Boolean).length;
    },
    endEverything: (reason, onEnded) => endEverything({ store, end, reason, onEnded }),
  };
}
