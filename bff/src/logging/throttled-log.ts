// Throttled log: writes at most one line per interval, for conditions that many requests report.
import { performance } from "node:perf_hooks";

/**
 * @param everyMs minimum time between two lines; calls in between are dropped
 * @returns a function that runs `write` unless it ran within the last `everyMs`
 */
export function createThrottledLog(everyMs: number, now: () => number = () => performance.now()) {
  let lastMs = -Infinity;
  return function throttled(write: () => void): void {
    if (now() - lastMs < everyMs) return;
    lastMs = now();
    write();
  };
}
