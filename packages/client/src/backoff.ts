// Exponential backoff with jitter; `Retry-After` is a lower bound.

const initialDelayMs = 1_000;
const maxDelayMs = 30_000;

/** @param random 0 to 1, mapped to ±25 %: clients that lost the same server do not reconnect all at once */
export function backoffMs(attempt: number, retryAfterMs: number | null, random: number): number {
  const exponentialMs = Math.min(maxDelayMs, initialDelayMs * 2 ** attempt);
  const jitteredMs = exponentialMs * (0.75 + random * 0.5);
  return Math.round(Math.max(jitteredMs, retryAfterMs ?? 0));
}
