// Leaves a provider that is down alone: once it has failed a few times in a row, one call a second asks whether it is
// back, and all others are answered here. Nobody waits out a time-out for a result that is known.
import { performance } from "node:perf_hooks";

type Breaker = {
  /** @returns true where the call must not be made now */
  isOpen(): boolean;
  /** What became of a call that was made; only an answer of the provider, whatever it says, counts as alive. */
  report(isAlive: boolean): void;
};

/** Fewer could be one session that the provider stumbles over. */
const FAILURES_TO_OPEN = 3;
const PROBE_EVERY_MS = 1_000;

export function createBreaker(now: () => number = () => performance.now()): Breaker {
  let failures = 0;
  let nextProbeMs = 0;
  return {
    isOpen() {
      if (failures < FAILURES_TO_OPEN) return false;
      if (now() < nextProbeMs) return true;
      nextProbeMs = now() + PROBE_EVERY_MS;
      return false;
    },
    report(isAlive) {
      failures = isAlive ? 0 : failures + 1;
      if (failures >= FAILURES_TO_OPEN) nextProbeMs = Math.max(nextProbeMs, now() + PROBE_EVERY_MS);
    },
  };
}
