// Refreshes that nobody waits for yet: one after the other, each when the provider has a turn to spare.
import { setTimeout as sleep } from "node:timers/promises";
import { REMEMBERED_SESSIONS } from "../lib/fifo-cache.ts";
import type { SessionKey } from "../store/store.ts";
import type { AccessTokenResult, SpendingSession } from "./refresh.ts";
import type { RefreshRateLimiter } from "./refresh-rate-limiter.ts";

type Parts = {
  fly: (session: SpendingSession) => Promise<AccessTokenResult>;
  isFlying: (key: SessionKey) => boolean;
  turns: Pick<RefreshRateLimiter, "freeInMs" | "intervalMs">;
  now: () => number;
};

/** After a refresh that led to nothing, the next one in the background waits for so long. */
const PAUSE_MS = 1_000;

export function createBackgroundRefresh({ fly, isFlying, turns, now }: Parts) {
  const waiting = new Map<SessionKey, SpendingSession>();
  const pausedUntilMs = new Map<SessionKey, number>();
  let isServing = false;

  const pause = (key: SessionKey): void => {
    pausedUntilMs.set(key, now() + PAUSE_MS);
    setTimeout(() => pausedUntilMs.delete(key), PAUSE_MS).unref();
  };
  const start = (session: SpendingSession): void => {
    const { key } = session;
    // Whoever needs the token after its expiry takes a turn of their own, and may have done so meanwhile.
    if (isFlying(key) || now() >= session.tokens.usableUntilMs) return;
    // Nobody waits for it: whoever needs the token after its expiry meets the fault and answers for it.
    fly(session).then(
      (result) => (result.kind === "ready" ? undefined : pause(key)),
      () => pause(key),
    );
  };
  const turnToSpare = async (): Promise<void> => {
    for (let waitMs = await turns.freeInMs(); waitMs > 0; waitMs = await turns.freeInMs()) await sleep(waitMs);
    // It is taken a moment later: not to be counted on twice.
    if (turns.intervalMs > 0) await sleep(turns.intervalMs);
  };
  const serve = async (): Promise<void> => {
    for (const [key, session] of waiting) {
      await turnToSpare();
      waiting.delete(key);
      start(session);
    }
  };

  /** The session's tokens are to be renewed soon; more than once is as good as once. */
  return function refreshEarly(session: SpendingSession): void {
    const { key } = session;
    if (isFlying(key) || waiting.has(key) || (pausedUntilMs.get(key) ?? 0) > now()) return;
    // Refused ones are offered again by their next request.
    if (waiting.size >= REMEMBERED_SESSIONS) return;
    waiting.set(key, session);
    if (isServing) return;
    isServing = true;
    serve()
      // The store is down: what waits is offered again.
      .catch(() => [...waiting.keys()].forEach(pause))
      .finally(() => {
        waiting.clear();
        isServing = false;
      });
  };
}
