// Leaves alone what is down: once it has failed a few times in a row, only now and then one call asks whether it is
// back, and all others are answered here. Nobody waits out a time-out for a result that is known.
import { performance } from "node:perf_hooks";

export type Breaker = {
  /** @returns true where the call must not be made now */
  isOpen(): boolean;
  /** What became of a call that was made. */
  report(isAlive: boolean): void;
  /** Failures since the last sign of life. */
  failures(): number;
  /**
   * Whether a call may be made after a failure; at most one in a period gets a yes.
   * @param isReluctant takes it only where nobody else has for another period
   */
  acquireProbe(isReluctant?: boolean): boolean;
  /** Milliseconds until the next call may ask. */
  restMs(): number;
};

export type BreakerOptions = { failuresToOpen: number; probeEveryMs: number; now?: () => number };

/** A probe's outcome is not waited for: a browser that leaves in the middle of one blocks nothing. */
export function createBreaker({
  failuresToOpen,
  probeEveryMs,
  now = () => performance.now(),
}: BreakerOptions): Breaker {
  let failures = 0;
  let nextProbeMs = 0;
  const acquireProbe = (isReluctant = false): boolean => {
    if (now() < nextProbeMs + (isReluctant ? probeEveryMs : 0)) return false;
    nextProbeMs = now() + probeEveryMs;
    return true;
  };
  return {
    isOpen: () => failures >= failuresToOpen && !acquireProbe(),
    report(isAlive) {
      failures = isAlive ? 0 : failures + 1;
      if (failures > 0) nextProbeMs = Math.max(nextProbeMs, now() + probeEveryMs);
    },
    failures: () => failures,
    acquireProbe,
    restMs: () => Math.max(0, nextProbeMs - now()),
  };
}
