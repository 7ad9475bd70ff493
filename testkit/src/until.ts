// Polls until a condition holds.
import { setTimeout as sleep } from "node:timers/promises";

let defaultTimeoutMs = 60_000;

/** Shortens the default timeout: for builds in which the condition never holds. */
export function setUntilTimeout(ms: number): void {
  defaultTimeoutMs = ms;
}

/** Polls every 10 ms. @throws when the condition does not hold within `timeoutMs` */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  { timeoutMs = defaultTimeoutMs } = {},
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`timed out waiting for: ${what}`);
    await sleep(10);
  }
}
