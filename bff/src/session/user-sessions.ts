// The sessions of one user: listed, and ended together.
import { TOMBSTONE_MS, type EndReason, type SessionKey, type SessionTimes, type Store } from "../store/store.ts";
import type { EndSession } from "./end-session.ts";
import { askedToEnd, userIndex, type UserName } from "./indexes.ts";
import { parseSession, type Session } from "./session.ts";

export type UserSession = SessionTimes & { key: SessionKey; session: Session };

export type UserSessions = {
  /** The live ones, newest first. */
  list(user: UserName): Promise<UserSession[]>;
  /**
   * Ends one of them by its handle, and again for whoever had asked for it before: of an end whose answer got lost, or
   * that no replica had confirmed, a second try makes sure.
   * @returns false where the user neither has such a session nor has asked to end it
   */
  endOne(user: UserName, handle: string, reason: EndReason): Promise<boolean>;
  /** Ends what the user has now; a login that is still under way begins a session of its own. @returns how many */
  endAll(user: UserName, reason: EndReason): Promise<number>;
  /**
   * Ends the oldest until `count` are left; 0: no limit. To be called after each login, in no particular order: the
   * store's list has one order for all instances, so whoever looks last sees every login, and nobody ends one of the
   * newest `count`.
   */
  keepNewest(user: UserName, count: number): Promise<void>;
};

type Parts = { store: Pick<Store, "listIndex" | "readWithTimes" | "addToIndex" | "removeFromIndex">; end: EndSession };

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
    async endOne(user, handle, reason) {
      const target = (await list(user)).find(({ session }) => session.handle === handle);
      if (target === undefined) {
        const before = await store.listIndex(askedToEnd(user, handle));
        await Promise.all(before.map((key) => end(key, reason)));
        return before.length > 0;
      }
      const { key, session } = target;
      // First: afterwards nothing but this would know whose it was.
      const entry = { key, maxMs: TOMBSTONE_MS, issuedAtSeconds: session.issuedAtSeconds };
      await store.addToIndex(askedToEnd(user, handle), entry);
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
