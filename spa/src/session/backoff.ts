// How long to wait before asking again: longer each time, never sooner than the server asked for.

const firstWaitMs = 1_000;
const longestWaitMs = 30_000;

/** @param random 0 to 1: spreads browsers that all lost the same server, so that they do not come back as one. */
export function backoffMs(attempt: number, retryAfterMs: number | null, random: number): number {
  const grownMs = Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(attempt, 10));
  const spreadMs = grownMs * (0.75 + random * 0.5);
  return Math.round(Math.max(spreadMs, retryAfterMs ?? 0));
}
