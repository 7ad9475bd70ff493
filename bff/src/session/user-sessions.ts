// The sessions of one user: listed, and ended together.
import type { EndReason, SessionKey, SessionTimes, Store } from "../store.ts";
import type { EndSession } from "./ending.ts";
import { userIndex, type UserName } from "./indexes.ts";
import { parseSession, type Session } from "./session.ts";

export type UserSession = SessionTimes & { key: SessionKey; session: Session };

export type UserSessions = {
  /** The live ones, newest first. */
  list(user: UserName): Promise<UserSession[]>;
  /** Ends what the user has now; a login that is still under way begins a session of its own. @returns how many */
  endAll(user: UserName, reason: EndReason): Promise<number>;
  /**
   * Ends the oldest until `count` are left; 0: no limit. To be called after each login, in no particular order: the
   * store's list has one order for all instances, so whoever looks last sees every login, and nobody ends one of the
   * newest `count`.
   */
  keepNewest(user: UserName, count: number): Promise<void>;
};

type Parts = { store: Pick<Store, "listIndex" | "readWithTimes" | "removeFromIndex">; end: EndSession };

export function createUserSessions({ store, end }: Parts): UserSessions {
  const readOf = async (user: UserName, key: SessionKey): Promise<UserSession | undefined> => {
    const stored = await store.readWithTimes(key);
    if (stored === undefined) {
      // It ran out, which no index notices by itself.
      await store.removeFromIndex(userIndex(user), key);
      return undefined;
    }
    const session = parseSession(stored.session);
    // I3: whatever an index says, nobody is shown another's session.
    if (session?.issuer !== user.issuer || session.subject !== user.subject) return undefined;
    const { idleExpiresInMs, expiresInMs, usedAgoMs } = stored;
    return { key, session, idleExpiresInMs, expiresInMs, usedAgoMs };
  };
  const list = async (user: UserName): Promise<UserSession[]> => {
    const keys = await store.listIndex(userIndex(user));
    const found = await Promise.all(keys.map((key) => readOf(user, key)));
    return found.filter((each) => each !== undefined).toReversed();
  };
  return {
    list,
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
