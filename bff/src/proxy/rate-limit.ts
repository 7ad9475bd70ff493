// Rate limits of upstream rows (`rateLimit`): at most N requests per user and per client address in any window, counted in the
// store over all instances. Decision 0048.
import { hash } from "node:crypto";
import type { BlockList } from "node:net";
import type { UpstreamConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import { clientAddress } from "../http/client-address.ts";
import { createBreaker } from "../lib/circuit-breaker.ts";
import { FifoCache } from "../lib/fifo-cache.ts";
import type { Log } from "../logging/log.ts";
import { createThrottledLog } from "../logging/throttled-log.ts";
import type { RateLimitOutcome } from "../metrics/rate-limit-metrics.ts";
import type { UserName } from "../session/indexes.ts";
import { createRequestCounts } from "../store/request-counts.ts";
import type { RateLimitState, Store } from "../store/store.ts";
import type { Authorize, Authorized } from "./authorize.ts";
import {
  limitHeader,
  policiesOf,
  policyHeader,
  secondsOf,
  type LimitedRequest,
  type Policy,
} from "./rate-limit-policies.ts";

export type RateLimiter = {
  /**
   * Before authorization, without a request to the store: rejects an address that the store has rejected and cannot admit yet.
   * @throws GatewayError rate_limit_exceeded
   */
  rejectKnown(limited: LimitedRequest): void;
  /**
   * Counts the request in one round trip, for the user and the address or for neither. During an outage of the store each
   * process counts alone.
   * @param user undefined: anonymous, or not authorized
   * @throws GatewayError rate_limit_exceeded
   */
  count(limited: LimitedRequest, user: UserName | undefined): Promise<void>;
};

/**
 * Authorizes and counts requests of rows with `rateLimit`. A request that is not authorized (401, 403) counts for its address.
 * The repeated authorization of a request or an open WebSocket (without `state`) is not counted.
 */
export function withRateLimit(authorize: Authorize, limiter: RateLimiter): Authorize {
  const authorizeLimited = async (limited: LimitedRequest, upstream: UpstreamConfig): Promise<Authorized> => {
    limiter.rejectKnown(limited);
    let authorized: Authorized;
    try {
      authorized = await authorize(limited.request, upstream, limited.state);
    } catch (error) {
      if (error instanceof GatewayError && (error.status === 401 || error.status === 403))
        await limiter.count(limited, undefined);
      throw error;
    }
    await limiter.count(limited, authorized.identity);
    return authorized;
  };
  return (request, upstream, state, rejected) => {
    if (state === undefined || upstream.rateLimit === undefined) return authorize(request, upstream, state, rejected);
    return authorizeLimited({ request, upstream, state }, upstream);
  };
}

type Dependencies = {
  store: Pick<Store, "countRequest">;
  trustedProxies: BlockList;
  log: Pick<Log, "warn" | "security">;
  onOutcome: (upstream: string, outcome: RateLimitOutcome) => void;
  monotonicMs?: () => number;
};

type Reached = Policy & { retryAfterMs: number };

/** A hundred bytes each. Of a rejected key that is forgotten, the store is asked again. */
const MAX_REJECTED = 10_000;
const LOG_EVERY_MS = 60_000;
/** During an outage of the store, one request per second tries to count: others are not delayed by its time-out. */
const PROBE_EVERY_MS = 1_000;

export function createRateLimiter(dependencies: Dependencies): RateLimiter {
  const { trustedProxies, onOutcome, monotonicMs = () => performance.now() } = dependencies;
  const rejectedUntilMs = new FifoCache<string, number>(MAX_REJECTED);
  const countShared = createSharedCount({ ...dependencies, monotonicMs });
  const countAlone = createRequestCounts(monotonicMs).countRequest;
  const reject = createRejection({ ...dependencies, monotonicMs });

  const knownOf = (policies: readonly Policy[]): Reached[] =>
    policies.flatMap((policy) => {
      const retryAfterMs = (rejectedUntilMs.get(policy.key) ?? 0) - monotonicMs();
      return retryAfterMs > 0 ? [{ ...policy, retryAfterMs }] : [];
    });

  return {
    rejectKnown(limited) {
      const policies = policiesOf(limited, undefined, trustedProxies);
      const known = knownOf(policies);
      if (known.length > 0) throw reject(limited, policies, known);
    },
    async count(limited, user) {
      const { upstream, state } = limited;
      const policies = policiesOf(limited, user, trustedProxies);
      if (policies.length === 0) return;
      const known = knownOf(policies);
      if (known.length > 0) throw reject(limited, policies, known);
      const scope = scopeOf(upstream.prefix);
      const shared = await countShared(scope, policies);
      const states = shared ?? countAlone(scope, policies);
      const counted = policies.map((policy, at) => ({ ...policy, ...(states[at] ?? NOTHING_COUNTED) }));
      const reached = counted.filter(({ retryAfterMs }) => retryAfterMs > 0);
      if (shared !== undefined)
        for (const { key, retryAfterMs } of reached) rejectedUntilMs.set(key, monotonicMs() + retryAfterMs);
      if (reached.length > 0) throw reject(limited, policies, reached);
      onOutcome(upstream.prefix, shared === undefined ? "admitted_locally" : "admitted");
      state.rateLimit = [...policyHeader(policies), ...limitHeader(counted)];
    },
  };
}

type Timed = Dependencies & { monotonicMs: () => number };

/** @returns undefined during an outage of the store */
function createSharedCount({ store, log, monotonicMs }: Timed) {
  const breaker = createBreaker({ failuresToOpen: 1, probeEveryMs: PROBE_EVERY_MS, now: monotonicMs });
  const throttled = createThrottledLog(LOG_EVERY_MS, monotonicMs);
  return async function countShared(scope: string, policies: readonly Policy[]): Promise<RateLimitState[] | undefined> {
    if (breaker.isOpen()) return undefined;
    try {
      const states = await store.countRequest(scope, policies);
      breaker.report(true);
      return states;
    } catch {
      breaker.report(false);
      throttled(() => log.warn("rate limits counted per process, the session store is unavailable"));
      return undefined;
    }
  };
}

/** Sets the headers of the response, and logs the first rejection of a key in a minute. */
function createRejection({ log, onOutcome, trustedProxies, monotonicMs }: Timed) {
  const loggedMs = new FifoCache<string, number>(MAX_REJECTED);
  return function reject(
    { upstream, state, request }: LimitedRequest,
    policies: readonly Policy[],
    reached: readonly Reached[],
  ): GatewayError {
    onOutcome(upstream.prefix, "limited");
    const longest = reached.reduce((one, other) => (other.retryAfterMs > one.retryAfterMs ? other : one));
    const { name, key, requests, windowMs, retryAfterMs } = longest;
    const reason = `${name}: ${requests} requests in ${windowMs / 1_000} s`;
    const limits = reached.map((each) => ({ name: each.name, remaining: 0, resetMs: each.retryAfterMs }));
    state.rateLimit = [...policyHeader(policies), ...limitHeader(limits)];
    if (monotonicMs() - (loggedMs.get(key) ?? -Infinity) >= LOG_EVERY_MS) {
      loggedMs.set(key, monotonicMs());
      const { requestId } = state;
      const address = clientAddress(request, trustedProxies);
      log.security("rate_limited", { requestId, upstream: upstream.prefix, reason, clientAddress: address });
    }
    return new GatewayError("rate_limit_exceeded", { reason, retryAfterSeconds: secondsOf(retryAfterMs) });
  };
}

const NOTHING_COUNTED: RateLimitState = { remaining: 0, resetMs: 0, retryAfterMs: 0 };

/** A prefix may contain characters that have a meaning in names of Redis. */
function scopeOf(prefix: string): string {
  return hash("sha256", prefix, "base64url").slice(0, 16);
}
