// Cached token: one access token per process, fetched at its first use (single-flight) and renewed in the background
// before it expires. Its age is measured in this process, so a clock that is set back does not make it younger.
import { singleFlight } from "../lib/single-flight.ts";
import { mayForceRenewal, nextForcedRenewal, type ForcedRenewal } from "./rejected-token.ts";
import { tokenSetFrom, type AccessToken, type TokenGrant } from "./token-set.ts";

export type CachedToken = {
  /**
   * @param rejected an access token that an upstream rejected: replaced if it is the cached one and a renewal is allowed
   * (rejected-token.ts), otherwise returned again
   * @throws the error of the last fetch, while no usable token is cached
   */
  (rejected?: string): Promise<AccessToken>;
  /** Whether the cached token can no longer be used. False before the first fetch. */
  hasExpired(): boolean;
};

type Clocks = {
  /** Never set, but may stand still while a virtual machine is suspended. */
  monotonicMs: () => number;
  /** Continues during a suspension, but may be set. */
  localMs: () => number;
};

type AgingToken = { token: AccessToken; refreshAfterMs: number; usableForMs: number; ageMs: () => number };

/** Milliseconds between a failed fetch and the next one, so that an outage does not cause a fetch per request. */
const COOL_DOWN_MS = 1_000;

const OWN_CLOCKS: Clocks = { monotonicMs: () => performance.now(), localMs: () => Date.now() };

export function createCachedToken(fetchToken: () => Promise<TokenGrant>, clocks: Clocks = OWN_CLOCKS): CachedToken {
  const { monotonicMs } = clocks;
  let current: AgingToken | undefined;
  let failure: { error: unknown; untilMs: number } | undefined;
  let forced: ForcedRenewal | undefined;

  const renew = singleFlight(async (): Promise<AgingToken> => {
    if (failure !== undefined && monotonicMs() < failure.untilMs) throw failure.error;
    try {
      current = agingFrom(await fetchToken(), clocks);
      failure = undefined;
      return current;
    } catch (error) {
      failure = { error, untilMs: monotonicMs() + COOL_DOWN_MS };
      throw error;
    }
  });
  const hasExpired = (): boolean => current !== undefined && current.ageMs() >= current.usableForMs;
  const renewRejected = async (token: AccessToken): Promise<AccessToken> => {
    if (!renew.isInFlight("")) {
      if (!mayForceRenewal(forced, monotonicMs())) return token;
      forced = nextForcedRenewal(forced, monotonicMs());
    }
    return (await renew()).token;
  };
  const cachedToken = async (rejected?: string): Promise<AccessToken> => {
    if (current === undefined || hasExpired()) return (await renew()).token;
    if (current.token.accessToken === rejected) return renewRejected(current.token);
    // Errors of a background renewal are not reported: the call that needs the token after its expiry throws its own.
    if (current.ageMs() >= current.refreshAfterMs) renew().catch(() => undefined);
    return current.token;
  };
  return Object.assign(cachedToken, { hasExpired });
}

/** Age by both clocks, whichever is greater: a suspension and a clock that is set back both only shorten its use. */
function agingFrom(grant: TokenGrant, { monotonicMs, localMs }: Clocks): AgingToken {
  const [fetchedMonotonicMs, fetchedLocalMs] = [monotonicMs(), localMs()];
  const clock = { nowMs: 0, random: Math.random() };
  // Renewed by a new fetch, never by a refresh token.
  const tokens = tokenSetFrom({ ...grant, refreshToken: undefined }, undefined, clock);
  const { accessToken, proofKey, refreshAtMs, usableUntilMs } = tokens;
  return {
    ...{ token: { accessToken, proofKey }, refreshAfterMs: refreshAtMs, usableForMs: usableUntilMs },
    ageMs: () => Math.max(monotonicMs() - fetchedMonotonicMs, localMs() - fetchedLocalMs),
  };
}
