// Background refresh: renews token sets before they expire, one at a time, only while the refresh rate limit has free
// slots. Requests that wait for a refresh therefore never queue behind one of these.
import { setTimeout as sleep } from "node:timers/promises";
import { REMEMBERED_SESSIONS } from "../lib/fifo-cache.ts";
import type { SessionKey } from "../store/store.ts";
import type { RefreshRateLimiter } from "./refresh-rate-limiter.ts";
import type { TokenSet } from "./token-set.ts";

type QueuedSession = { key: SessionKey; tokens: Pick<TokenSet, "usableUntilMs"> };

type Dependencies<Session> = {
  /** Single-flight by session key. */
  refreshOnce: {
    (session: Session): Promise<{ kind: string }>;
    isInFlight(key: SessionKey): boolean;
  };
  rateLimiter: Pick<RefreshRateLimiter, "nextSlotInMs" | "intervalMs">;
  /** Milliseconds of the clock that `usableUntilMs` of a token set is measured by. */
  now: () => number;
};

/** Milliseconds between a failed background refresh of a session and its next one. */
const COOL_DOWN_MS = 1_000;

export function createBackgroundRefresh<Session extends QueuedSession>({
  refreshOnce,
  rateLimiter,
  now,
}: Dependencies<Session>) {
  const queue = new Map<SessionKey, Session>();
  const coolingDownUntilMs = new Map<SessionKey, number>();
  let isWorking = false;

  const coolDown = (key: SessionKey): void => {
    coolingDownUntilMs.set(key, now() + COOL_DOWN_MS);
    setTimeout(() => coolingDownUntilMs.delete(key), COOL_DOWN_MS).unref();
  };
  const start = (session: Session): void => {
    const { key } = session;
    // After the expiry the next request refreshes the token itself and acquires its own slot.
    if (refreshOnce.isInFlight(key) || now() >= session.tokens.usableUntilMs) return;
    // Errors are not reported here: the request that needs the token after its expiry fails with its own.
    refreshOnce(session).then(
      (result) => (result.kind === "ready" ? undefined : coolDown(key)),
      () => coolDown(key),
    );
  };
  const untilSlotIsFree = async (): Promise<void> => {
    for (let waitMs = await rateLimiter.nextSlotInMs(); waitMs > 0; waitMs = await rateLimiter.nextSlotInMs())
      await sleep(waitMs);
    // The refresh acquires the slot a moment later. Without this pause the next iteration would see it as free.
    if (rateLimiter.intervalMs > 0) await sleep(rateLimiter.intervalMs);
  };
  const work = async (): Promise<void> => {
    for (const [key, session] of queue) {
      await untilSlotIsFree();
      queue.delete(key);
      start(session);
    }
  };

  /** Queues a refresh of the session's tokens. No effect while one is queued, in flight or cooling down. */
  return function refreshInBackground(session: Session): void {
    const { key } = session;
    if (refreshOnce.isInFlight(key) || queue.has(key) || (coolingDownUntilMs.get(key) ?? 0) > now()) return;
    // The queue is bounded; the session's next request tries again.
    if (queue.size >= REMEMBERED_SESSIONS) return;
    queue.set(key, session);
    if (isWorking) return;
    isWorking = true;
    work()
      // The store is unavailable: later requests queue these sessions again.
      .catch(() => [...queue.keys()].forEach(coolDown))
      .finally(() => {
        queue.clear();
        isWorking = false;
      });
  };
}
