// The end of all sessions of all users: those that no index knows as well, and logins that are just being stored.
import { ALL_SESSIONS, LOGIN_TAKES_AT_MOST_MS, type EndReason, type SessionKey, type Store } from "../store/store.ts";
import type { EndSession } from "./end-session.ts";
import { earliestTimeOf, parseSession } from "./session.ts";

type Parts = {
  store: Pick<Store, "closeIndex" | "listAll" | "nowMs" | "read">;
  end: EndSession;
  reason: EndReason;
  onEnded: (count: number) => void;
};

/** While a Cluster moves slots a pass may miss sessions: passes until one finds none, but not for ever. */
const MAX_PASSES = 10;

/** @throws GatewayError store_unavailable */
export async function endEverything({ store, end, reason, onEnded }: Parts): Promise<void> {
  const nowSeconds = Math.floor(store.nowMs() / 1000);
  // First: whoever stores a login from here on sees it, and whatever was stored before is found below.
  await store.closeIndex(ALL_SESSIONS, { issuedAtSeconds: nowSeconds, ttlMs: LOGIN_TAKES_AT_MOST_MS });
  /** A session that began since is somebody who logged in again. */
  const isMeant = async (key: SessionKey): Promise<boolean> => {
    const stored = await store.read(key);
    const session = stored === undefined ? undefined : parseSession(stored.session);
    // What cannot be read as a session was written by another release, and is meant as well.
    return stored !== undefined && (session === undefined || earliestTimeOf(session) <= nowSeconds);
  };
  let found = true;
  for (let passes = 0; found && passes < MAX_PASSES; passes++) {
    found = false;
    for await (const keys of store.listAll()) {
      const meant = await Promise.all(keys.map(isMeant));
      const chosen = keys.filter((_key, at) => meant[at] === true);
      if (chosen.length > 0) found = true;
      await Promise.all(chosen.map((key) => end(key, reason)));
      onEnded(chosen.length);
    }
  }
}
