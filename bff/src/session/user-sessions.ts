// The sessions of one user: list, end, limit.
import { TOMBSTONE_MS, type EndReason, type SessionKey, type SessionTimes, type Store } from "../store/store.ts";
import type { EndSession } from "./end-session.ts";
import { requestedEndIndex, userIndex, type UserName } from "./indexes.ts";
import { parseSession, type Session } from "./session.ts";

export type UserSession = SessionTimes & { key: SessionKey; session: Session };

/** All of them throw GatewayError store_unavailable. */
export type UserSessions = {
  /** Sessions that have not ended, newest first. */
  list(user: UserName): Promise<UserSession[]>;
  /**
   * Ends the user's session with this public handle. Idempotent: a repeated call ends it once more, for a client that
   * received no response, or a 503 because no replica had confirmed the end.
   * @returns false if the user has no such session and has not asked to end it before
   */
  endOne(user: UserName, handle: string, reason: EndReason): Promise<boolean>;
  /** Ends the user's current sessions. A login in progress still begins one. @returns how many were ended */
  endAll(user: UserName, reason: EndReason): Promise<number>;
  /**
   * Ends the oldest sessions until `count` are left; 0: no limit. Called after each login, in any order: all instances
   * read the same list, so the last call sees every login, and none of the newest `count` sessions is ended.
   */
  keepNewest(user: UserName, count: number): Promise<void>;
};

type Dependencies = {
  store: Pick<Store, "listIndex" | "readWithTimes" | "addToIndex" | "removeFromIndex">;
  end: EndSession;
};

export function createUserSessions({ store, end }: Dependencies): UserSessions {
  const read = async (user: UserName, key: SessionKey): Promise<UserSession | undefined> => {
    const stored = await store.readWithTimes(key);
    if (stored === undefined) {
      // The session expired; indexes do not expire with it.
      await store.removeFromIndex(userIndex(user), key);
      return undefined;
    }
    const session = parseSession(stored.session);
    // I3: the record decides whose session it is, never the index.
    if (session?.issuer !== user.issuer || session.subject !== user.subject) return undefined;
    const { idleExpiresInMs, expiresInMs, usedAgoMs } = stored;
    return { key, session, idleExpiresInMs, expiresInMs, usedAgoMs };
  };
  const list = async (user: UserName): Promise<UserSession[]> => {
    const keys = await store.listIndex(userIndex(user));
    const found = await Promise.all(keys.map((key) => read(user, key)));
    return found.filter((each) => each !== undefined).toReversed();
  };
  return {
    list,
    async endOne(user, handle, reason) {
      const target = (await list(user)).find(({ session }) => session.handle === handle);
      if (target === undefined) {
        const requested = await store.listIndex(requestedEndIndex(user, handle));
        await Promise.all(requested.map((key) => end(key, reason)));
        return requested.length > 0;
      }
      const { key, session } = target;
      // Before the end: afterwards a repeated call could no longer find the key by its handle.
      const entry = { key, maxMs: TOMBSTONE_MS, issuedAtSeconds: session.issuedAtSeconds };
      await store.addToIndex(requestedEndIndex(user, handle), entry);
      await end(key, reason);
      return true;
    },
    async endAll(user, reason) {
      const ended = await Promise.all((await list(user)).map(({ key }) => end(key, reason)));
      return ended.filter(Boolean).length;
    },
    async keepNewest(user, count) {
      if (count === 0) return;
      await Promise.all((await list(user)).slice(count).map(({ key }) => end(key, "limit")));
    },
  };
}
