// Refresh rate limiter: at most N token refreshes per second over all instances (REFRESH_RATE_PER_SECOND). Slots are
// `1 / N` seconds apart and assigned by the store in order of arrival.
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../logging/log.ts";
import { createThrottledLog } from "../logging/throttled-log.ts";
import type { Store } from "../store/store.ts";

export type RefreshRateLimiter = {
  /**
   * Acquires the next free slot and waits until it begins.
   * @param maxWaitMs default: a minute
   * @returns false where it begins later than that; no slot is acquired then
   * @throws GatewayError store_unavailable
   */
  acquireSlot(maxWaitMs?: number): Promise<boolean>;
  /** @returns milliseconds until the next free slot, 0: now. @throws GatewayError store_unavailable */
  nextSlotInMs(): Promise<number>;
  /** Milliseconds between two slots, 0: no limit. */
  readonly intervalMs: number;
};

/** Longer than a request waits for its token: the refresh still completes, and later requests use its result. */
const MAX_WAIT_MS = 60_000;
/** Shorter waits are not logged. */
const MIN_LOGGED_WAIT_MS = 1_000;
const LOG_EVERY_MS = 60_000;

type Dependencies = { store: Pick<Store, "acquireRefreshSlot">; log: Pick<Log, "warn">; perSecond: number };

/** @param perSecond at most this many refreshes per second; 0: no limit, and the store is not asked */
export function createRefreshRateLimiter({ store, log, perSecond }: Dependencies): RefreshRateLimiter {
  const intervalMs = perSecond === 0 ? 0 : 1_000 / perSecond;
  const throttled = createThrottledLog(LOG_EVERY_MS);
  const logLimitReached = (waitMs: number): void => {
    if (waitMs < MIN_LOGGED_WAIT_MS) return;
    const seconds = Math.ceil(waitMs / 1000);
    throttled(() => log.warn("token refresh rate limit reached (REFRESH_RATE_PER_SECOND)", { seconds }));
  };
  return {
    intervalMs,
    async acquireSlot(maxWaitMs = MAX_WAIT_MS) {
      if (perSecond === 0) return true;
      const { isAcquired, waitMs } = await store.acquireRefreshSlot({ intervalMs, maxWaitMs });
      logLimitReached(waitMs);
      if (isAcquired && waitMs > 0) await sleep(waitMs);
      return isAcquired;
    },
    async nextSlotInMs() {
      if (perSecond === 0) return 0;
      // A negative limit never acquires the slot.
      return (await store.acquireRefreshSlot({ intervalMs, maxWaitMs: -1 })).waitMs;
    },
  };
}
