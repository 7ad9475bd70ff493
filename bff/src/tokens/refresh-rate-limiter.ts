// Not more refreshes per second than the provider is to bear, over all instances. Whoever is waited for takes the next
// free turn; an early refresh only starts when a turn is free, so it never stands in the way of somebody who waits.
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../logging/log.ts";
import type { Store } from "../store/store.ts";

export type RefreshRateLimiter = {
  /**
   * Waits for the next turn.
   * @returns false where it is too far off: nothing was taken.
   * @throws GatewayError store_unavailable
   */
  take(): Promise<boolean>;
  /** @returns milliseconds until a turn is free, 0: now. @throws GatewayError store_unavailable */
  freeInMs(): Promise<number>;
  /** The distance between two turns. */
  readonly intervalMs: number;
};

/** Longer than anybody waits for an answer; the refresh still happens, and is there for the next request. */
const LONGEST_QUEUE_MS = 60_000;
const WORTH_SAYING_MS = 1_000;
const SAY_EVERY_MS = 60_000;

type Parts = { store: Pick<Store, "refreshTurn">; log: Pick<Log, "warn">; perSecond: number };

/** @param perSecond 0: no limit, and nobody is asked */
export function createRefreshRateLimiter({ store, log, perSecond }: Parts): RefreshRateLimiter {
  const intervalMs = perSecond === 0 ? 0 : 1_000 / perSecond;
  let saidAtMs = -Infinity;
  const sayWhatLimits = (waitMs: number): void => {
    if (waitMs < WORTH_SAYING_MS || performance.now() - saidAtMs < SAY_EVERY_MS) return;
    saidAtMs = performance.now();
    log.warn("refreshes that requests wait for are queued: REFRESH_RATE_PER_SECOND is reached", {
      seconds: Math.ceil(waitMs / 1000),
    });
  };
  return {
    intervalMs,
    async take() {
      if (perSecond === 0) return true;
      const { isTaken, waitMs } = await store.refreshTurn({ intervalMs, longestMs: LONGEST_QUEUE_MS });
      sayWhatLimits(waitMs);
      if (isTaken && waitMs > 0) await sleep(waitMs);
      return isTaken;
    },
    async freeInMs() {
      if (perSecond === 0) return 0;
      // Nothing is taken for less than no wait at all.
      return (await store.refreshTurn({ intervalMs, longestMs: -1 })).waitMs;
    },
  };
}
