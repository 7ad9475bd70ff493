// Circuit breaker: opens after N consecutive failures; while it is open, at most one probe per interval passes
// (half-open) and every other call fails fast.
import { performance } from "node:perf_hooks";

export type Breaker = {
  /** @returns true if the caller must fail fast. While the circuit is open, false lets one half-open probe pass. */
  isOpen(): boolean;
  /** Records the outcome of a call: a success closes the circuit. */
  report(isSuccess: boolean): void;
  /** Consecutive failures since the last success. */
  failures(): number;
  /**
   * Takes the probe of the current interval.
   * @param isLowPriority takes the probe only after it has been available for one more interval
   * @returns true if the caller may send the probe; at most once per interval
   */
  acquireProbe(isLowPriority?: boolean): boolean;
  /** Milliseconds until the next probe may be sent. */
  retryAfterMs(): number;
};

export type BreakerOptions = { failuresToOpen: number; probeEveryMs: number; now?: () => number };

/** A probe is acquired by time, not held: one that is aborted without a report blocks no later probe. */
export function createBreaker({
  failuresToOpen,
  probeEveryMs,
  now = () => performance.now(),
}: BreakerOptions): Breaker {
  let failures = 0;
  let nextProbeMs = 0;
  const acquireProbe = (isLowPriority = false): boolean => {
    if (now() < nextProbeMs + (isLowPriority ? probeEveryMs : 0)) return false;
    nextProbeMs = now() + probeEveryMs;
    return true;
  };
  return {
    isOpen: () => failures >= failuresToOpen && !acquireProbe(),
    report(isSuccess) {
      failures = isSuccess ? 0 : failures + 1;
      if (failures > 0) nextProbeMs = Math.max(nextProbeMs, now() + probeEveryMs);
    },
    failures: () => failures,
    acquireProbe,
    retryAfterMs: () => Math.max(0, nextProbeMs - now()),
  };
}
