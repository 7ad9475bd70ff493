// Not more refreshes per second than the provider is to bear, over all instances. Whoever is waited for takes the next
// free turn; an early refresh only starts when a turn is free, so it never stands in the way of somebody who waits.
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../logging/log.ts";
import { createThrottledLog } from "../logging/throttled-log.ts";
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
/** Shorter waits are not logged. */
const MIN_LOGGED_WAIT_MS = 1_000;
const LOG_EVERY_MS = 60_000;

type Parts = { store: Pick<Store, "acquireRefreshSlot">; log: Pick<Log, "warn">; perSecond: number };

/** @param perSecond 0: no limit, and nobody is asked */
export function createRefreshRateLimiter({ store, log, perSecond }: Parts): RefreshRateLimiter {
  const intervalMs = perSecond === 0 ? 0 : 1_000 / perSecond;
  const throttled = createThrottledLog(LOG_EVERY_MS);
  const logWait = (waitMs: number): void => {
    if (waitMs < MIN_LOGGED_WAIT_MS) return;
    const seconds = Math.ceil(waitMs / 1000);
    throttled(() => log.warn("token refresh rate limit reached (REFRESH_RATE_PER_SECOND)", { seconds }));
  };
  return {
    intervalMs,
    async take() {
      if (perSecond === 0) return true;
      const { isAcquired, waitMs } = await store.acquireRefreshSlot({ intervalMs, maxWaitMs: LONGEST_QUEUE_MS });
      logWait(waitMs);
      if (isAcquired && waitMs > 0) await sleep(waitMs);
      return isAcquired;
    },
    async freeInMs() {
      if (perSecond === 0) return 0;
      // Nothing is taken for less than no wait at all.
      return (await store.acquireRefreshSlot({ intervalMs, maxWaitMs: -1 })).waitMs;
    },
  };
}
