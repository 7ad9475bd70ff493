// Retry queue for renewed token sets that the store could not save. The refresh token that they replace is spent, so
// losing one of them logs its user out.
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../logging/log.ts";
import type { SessionKey, Store, TokenLife } from "../store/store.ts";

/** Arguments of `store.saveTokens`; `handle` names the session in the log. */
export type PendingWrite = {
  key: SessionKey;
  handle: string;
  owner: string;
  sealed: string;
  life: TokenLife;
  /** The session record with renewed claims, if they were renewed. */
  session?: string | undefined;
};

export type PendingWrites = {
  /** Retries the write in the background until the store accepts or rejects it, for at most `retryForMs`. */
  enqueue(write: PendingWrite): void;
  /**
   * Writes the session's pending token set now. Required before its refresh token is spent: the stored one may be the
   * spent one. No effect without a pending write.
   * @throws GatewayError store_unavailable; the write stays in the queue
   */
  flush(key: SessionKey): Promise<void>;
  /** Resolves when the queue is empty. */
  whenEmpty(): Promise<void>;
};

type Dependencies = { store: Pick<Store, "saveTokens">; log: Log; retryForMs: number; retryEveryMs: number };

export function createPendingWrites({ store, log, retryForMs, retryEveryMs }: Dependencies): PendingWrites {
  const queue = new Map<SessionKey, PendingWrite & { enqueuedAtMs: number }>();
  const retries = new Set<Promise<void>>();

  const flush = async (key: SessionKey): Promise<void> => {
    const write = queue.get(key);
    if (write === undefined) return;
    const { owner, sealed, life, session, enqueuedAtMs } = write;
    const lifeNow =
      typeof life === "number" ? Math.max(1, Math.round(life - (performance.now() - enqueuedAtMs))) : life;
    const isSaved = await store.saveTokens(key, owner, sealed, { life: lifeNow, session });
    // Rejected: the session ended, another instance took over the lease, or the first write did reach the store.
    log.info(isSaved ? "pending token write saved" : "pending token write superseded", { session: write.handle });
    queue.delete(key);
  };
  const retry = async ({ key, handle }: PendingWrite): Promise<void> => {
    const giveUpAtMs = performance.now() + retryForMs;
    while (queue.has(key) && performance.now() < giveUpAtMs) {
      await sleep(retryEveryMs);
      await flush(key).catch(() => undefined);
    }
    if (!queue.delete(key)) return;
    log.error("pending token write dropped, the user must log in again", { session: handle });
  };
  return {
    enqueue(write) {
      queue.set(write.key, { ...write, enqueuedAtMs: performance.now() });
      const retrying = retry(write).finally(() => retries.delete(retrying));
      retries.add(retrying);
    },
    flush,
    whenEmpty: async () => void (await Promise.allSettled(retries)),
  };
}
