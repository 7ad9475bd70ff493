// What became of an upstream's requests, counted in plain numbers; they are turned into metrics only when asked for.
import type { UpstreamSample } from "../http/metrics.ts";
import type { Upstream } from "./upstreams.ts";

export type UpstreamOutcome =
  /** Answered to the end, whatever the status. */
  | "complete"
  /** Has become a WebSocket. */
  | "upgraded"
  | "browser_left"
  /** Broken off in the middle of its answer. */
  | "cut"
  | "unreachable"
  | "timeout"
  /** Not asked: left alone, or no connection was free. */
  | "unavailable"
  /** The browser's body was too large, or broke off. */
  | "body_refused";

export type Tally = Record<UpstreamOutcome, number> & { retries: number };

export function createTally(): Tally {
  return {
    complete: 0,
    upgraded: 0,
    browser_left: 0,
    cut: 0,
    unreachable: 0,
    timeout: 0,
    unavailable: 0,
    body_refused: 0,
    retries: 0,
  };
}

export function sampleUpstream({ config, addresses, balancer, tally }: Upstream): UpstreamSample {
  const { retries, ...outcomes } = tally;
  return {
    upstream: config.prefix,
    outcomes,
    retries,
    queued: balancer.queued(),
    addresses: addresses.map(({ origin, pool, breaker, inFlight }) => ({
      address: origin,
      inFlight,
      connections: pool.stats.connected,
      failures: breaker.failures(),
      isLeftAlone: breaker.restMs() > 0 && breaker.failures() > 0,
    })),
  };
}
