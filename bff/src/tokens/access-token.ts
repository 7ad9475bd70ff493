// An access token for a session, now: the one it has, or the one refresh that everybody in this process shares.
import type { MaybePromise } from "../lib/maybe-promise.ts";
import { createBackgroundRefresh } from "./background-refresh.ts";
import type { AccessTokenResult, SpendingSession } from "./refresh.ts";
import type { RefreshRateLimiter } from "./refresh-rate-limiter.ts";
import { isDue, type SharedClock } from "./token-set.ts";

type Parts = {
  refresh: (session: SpendingSession) => Promise<AccessTokenResult>;
  turns: Pick<RefreshRateLimiter, "freeInMs" | "intervalMs">;
  /** Longest that a request waits. The refresh goes on without it. */
  waitMs: number;
  clock: SharedClock;
};

/**
 * At hand as long as the token is good.
 * @throws GatewayError store_unavailable (from a refresh that had to be waited for)
 */
export function createAccessTokenFor({ refresh, turns, waitMs, clock }: Parts) {
  const flights = new Map<string, Promise<AccessTokenResult>>();

  const fly = (session: SpendingSession): Promise<AccessTokenResult> => {
    const { key } = session;
    const running = flights.get(key);
    if (running !== undefined) return running;
    const flight = refresh(session).finally(() => flights.delete(key));
    flights.set(key, flight);
    return flight;
  };
  const refreshEarly = createBackgroundRefresh({ fly, isFlying: (key) => flights.has(key), turns, now: clock.nowMs });

  return function accessTokenFor(session: SpendingSession): MaybePromise<AccessTokenResult> {
    const { tokens } = session;
    if (clock.nowMs() < tokens.usableUntilMs) {
      if (isDue(tokens, clock) && tokens.refreshToken !== undefined) refreshEarly(session);
      return { kind: "ready", accessToken: tokens.accessToken };
    }
    if (tokens.refreshToken === undefined) return { kind: "signed-out", reason: "no-tokens" };
    return inTime(fly(session), waitMs);
  };
}

function inTime(flight: Promise<AccessTokenResult>, waitMs: number): Promise<AccessTokenResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<AccessTokenResult>((resolve) => {
    timer = setTimeout(() => resolve({ kind: "unavailable", retryAfterSeconds: 5 }), waitMs);
  });
  return Promise.race([flight, late]).finally(() => clearTimeout(timer));
}
