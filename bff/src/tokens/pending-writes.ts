// Token sets that were renewed while the store could not take them. Their old refresh tokens are spent: losing one of
// these would log its user out.
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../logging/log.ts";
import type { SessionKey, Store, TokenLife } from "../store/store.ts";

export type LateSave = { key: SessionKey; handle: string; owner: string; sealed: string; life: TokenLife };

export type LateSaves = {
  /** Offers a token set to the store, again and again, until it is taken or refused. */
  offer(save: LateSave): void;
  /**
   * Before anybody here spends that session's refresh token again: it may be the spent one.
   * @throws GatewayError store_unavailable while the store still cannot take it
   */
  settle(key: SessionKey): Promise<void>;
  /** When nothing is waiting any more. */
  settled(): Promise<void>;
};

type Parts = { store: Pick<Store, "saveTokens">; log: Log; saveMs: number; everyMs: number };

export function createPendingWrites({ store, log, saveMs, everyMs }: Parts): LateSaves {
  const waiting = new Map<SessionKey, LateSave & { sinceMs: number }>();
  const offering = new Set<Promise<void>>();

  const settle = async (key: SessionKey): Promise<void> => {
    const save = waiting.get(key);
    if (save === undefined) return;
    const { owner, sealed, life, sinceMs } = save;
    const lifeNow = typeof life === "number" ? Math.max(1, Math.round(life - (performance.now() - sinceMs))) : life;
    const saved = await store.saveTokens(key, owner, sealed, lifeNow);
    // Refused: the session has ended, somebody took over, or a write that we thought lost had gone through.
    log.info(saved ? "a renewed token set was stored late" : "a late token set was not needed any more", {
      session: save.handle,
    });
    waiting.delete(key);
  };
  const keepOffering = async ({ key, handle }: LateSave): Promise<void> => {
    const giveUpAtMs = performance.now() + saveMs;
    while (waiting.has(key) && performance.now() < giveUpAtMs) {
      await sleep(everyMs);
      // Still unavailable: offered again.
      await settle(key).catch(() => undefined);
    }
    if (!waiting.delete(key)) return;
    log.error("a renewed token set could not be stored: its user will have to log in again", { session: handle });
  };
  return {
    offer(save) {
      waiting.set(save.key, { ...save, sinceMs: performance.now() });
      const offers = keepOffering(save).finally(() => offering.delete(offers));
      offering.add(offers);
    },
    settle,
    settled: async () => void (await Promise.allSettled(offering)),
  };
}
