// The access token of a session: usable, renewed in the background before it expires, or awaited after its expiry.
import type { MaybePromise } from "../lib/maybe-promise.ts";
import { singleFlight } from "../lib/single-flight.ts";
import { withDeadline } from "../lib/with-deadline.ts";
import { createBackgroundRefresh } from "./background-refresh.ts";
import { NO_TOKENS, ready, type AccessTokenResult, type RefreshableSession } from "./refresh.ts";
import type { RefreshRateLimiter } from "./refresh-rate-limiter.ts";
import { isDue, type SharedClock } from "./token-set.ts";

type AccessTokenDependencies = {
  refresh: (session: RefreshableSession) => Promise<AccessTokenResult>;
  rateLimiter: Pick<RefreshRateLimiter, "nextSlotInMs" | "intervalMs">;
  /** Longest that a request waits. The refresh continues after that. */
  waitMs: number;
  clock: SharedClock;
};

export function createAccessTokenFor({ refresh, rateLimiter, waitMs, clock }: AccessTokenDependencies) {
  const refreshOnce = singleFlight(refresh, ({ key }: RefreshableSession) => key);
  const refreshInBackground = createBackgroundRefresh({ refreshOnce, rateLimiter, now: clock.nowMs });

  /**
   * Synchronous while the access token is usable; from its `refreshAtMs` on it is also renewed in the background.
   * @throws GatewayError store_unavailable, from a refresh that the caller waits for
   */
  return function accessTokenFor(session: RefreshableSession): MaybePromise<AccessTokenResult> {
    const { tokens } = session;
    if (clock.nowMs() < tokens.usableUntilMs) {
      if (isDue(tokens, clock) && tokens.refreshToken !== undefined) refreshInBackground(session);
      return ready(tokens);
    }
    if (tokens.refreshToken === undefined) return NO_TOKENS;
    return withDeadline(refreshOnce(session), waitMs, LATE);
  };
}

const LATE: AccessTokenResult = { kind: "unavailable", retryAfterSeconds: 5 };
