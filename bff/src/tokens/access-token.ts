// The access token of a session: usable, renewed in the background before it expires, or awaited after its expiry and after
// an upstream rejected it.
import { FifoCache, REMEMBERED_SESSIONS } from "../lib/fifo-cache.ts";
import type { MaybePromise } from "../lib/maybe-promise.ts";
import { singleFlight } from "../lib/single-flight.ts";
import { withDeadline } from "../lib/with-deadline.ts";
import type { SessionKey } from "../store/store.ts";
import { createBackgroundRefresh } from "./background-refresh.ts";
import { NO_TOKENS, ready, type AccessTokenResult, type RefreshableSession } from "./refresh-outcomes.ts";
import type { RefreshRateLimiter } from "./refresh-rate-limiter.ts";
import { mayForceRenewal } from "./rejected-token.ts";
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
  /** Access tokens whose forced refresh failed: it is not tried again. */
  const failed = new FifoCache<SessionKey, string>(REMEMBERED_SESSIONS);

  const forceRefresh = singleFlight(
    async (session: RefreshableSession): Promise<AccessTokenResult> => {
      const { key, tokens } = session;
      failed.set(key, tokens.accessToken);
      const result = await refreshOnce({ ...session, isForced: true });
      if (result.kind === "ready") failed.delete(key);
      return result;
    },
    ({ key }) => key,
  );
  const renewRejected = (session: RefreshableSession): MaybePromise<AccessTokenResult> => {
    const { key, tokens } = session;
    const mayForce =
      tokens.refreshToken !== undefined &&
      (forceRefresh.isInFlight(key) ||
        (failed.get(key) !== tokens.accessToken && mayForceRenewal(tokens.forced, clock.nowMs())));
    return mayForce ? withDeadline(forceRefresh(session), waitMs, LATE) : ready(tokens);
  };
  const refreshInBackground = createBackgroundRefresh({ refreshOnce, rateLimiter, now: clock.nowMs });

  /**
   * Synchronous while the access token is usable; from its `refreshAtMs` on it is also renewed in the background.
   * @param rejected an access token that an upstream rejected: renewed if it is the session's and a forced refresh is allowed
   * (rejected-token.ts), otherwise returned again
   * @throws GatewayError store_unavailable, from a refresh that the caller waits for
   */
  return function accessTokenFor(session: RefreshableSession, rejected?: string): MaybePromise<AccessTokenResult> {
    const { tokens } = session;
    if (clock.nowMs() < tokens.usableUntilMs) {
      if (tokens.accessToken === rejected) return renewRejected(session);
      if (isDue(tokens, clock) && tokens.refreshToken !== undefined) refreshInBackground(session);
      return ready(tokens);
    }
    if (tokens.refreshToken === undefined) return NO_TOKENS;
    return withDeadline(refreshOnce(session), waitMs, LATE);
  };
}

const LATE: AccessTokenResult = { kind: "unavailable", retryAfterSeconds: 5 };
