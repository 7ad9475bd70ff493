// How one session ends, on every instance at once: the store forgets it for good, the log says so, the lists drop it.
import type { Log } from "../logging/log.ts";
import { ACKNOWLEDGED, type EndReason, type SessionKey, type Store } from "../store/store.ts";
import { indexesOf } from "./indexes.ts";
import { parseSession, providerSessionName } from "./session.ts";

/** @returns whether there was one to end. */
export type EndSession = (key: SessionKey, reason: EndReason) => Promise<boolean>;

type Parts = {
  store: Pick<Store, "end" | "removeFromIndex">;
  log: Pick<Log, "security">;
  /** Resolves when no instance can be unaware any more of an end that is stored now. */
  untilAcknowledged: () => Promise<void>;
};

export function createEnding({ store, log, untilAcknowledged }: Parts): EndSession {
  return async function end(key, reason) {
    const json = await store.end(key, reason);
    const allHeard = ACKNOWLEDGED.has(reason) ? untilAcknowledged() : Promise.resolve();
    const session = json === undefined ? undefined : parseSession(json);
    if (session !== undefined) {
      log.security("session_ended", {
        session: session.handle,
        subject: session.subject,
        providerSession: providerSessionName(session.providerSid),
        reason,
      });
      // Indexes only list: an entry that stays behind names a key that is already dead.
      await Promise.allSettled(indexesOf(session).map((name) => store.removeFromIndex(name, key)));
    }
    await allHeard;
    return session !== undefined;
  };
}
