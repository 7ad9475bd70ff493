// When an access token that an upstream rejected (401 invalid_token) is renewed before its expiry: twice at once, then at
// intervals that double while the renewed tokens are rejected too. An upstream that rejects every token costs few token requests.

/** The last renewal that a rejection caused. */
export type ForcedRenewal = { atMs: number; count: number };

const SHORTEST_INTERVAL_MS = 5_000;
const LONGEST_INTERVAL_MS = 300_000;
/** A token that is rejected this long after its renewal had probably been accepted, and lives shorter than assumed. */
const ACCEPTED_FOR_MS = 60_000;

const intervalAfter = ({ count }: ForcedRenewal): number =>
  count < 2 ? 0 : Math.min(SHORTEST_INTERVAL_MS * 2 ** (count - 2), LONGEST_INTERVAL_MS);

/** @param last undefined: the token was obtained in the ordinary way */
export function mayForceRenewal(last: ForcedRenewal | undefined, nowMs: number): boolean {
  // The clock may have been set back, which must not prevent renewals until it has caught up.
  return last === undefined || Math.abs(nowMs - last.atMs) >= intervalAfter(last);
}

/** The intervals start again after a time in which the token was probably accepted. */
export function nextForcedRenewal(last: ForcedRenewal | undefined, nowMs: number): ForcedRenewal {
  const isInSequence =
    last !== undefined && Math.abs(nowMs - last.atMs) <= Math.max(2 * intervalAfter(last), ACCEPTED_FOR_MS);
  return { atMs: nowMs, count: isInSequence ? last.count + 1 : 1 };
}
