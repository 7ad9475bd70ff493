// Connection and request quotas: in-flight counters, one per owner (session, user, client address), with limits.

export type InFlight = {
  count: number;
  /** Requests of `count` whose browser is still sending the body; load shedding does not count them. */
  sending: number;
};

/** Called by the reader of a request body when it starts and stops waiting for the browser to send more. */
export type SendingObserver = { setSending(isSending: boolean): void };

const SWEEP_SIZE = 1_024;

export function createInFlight(): InFlight {
  return { count: 0, sending: 0 };
}

export type QuotaLimit = {
  counter: InFlight;
  max: number;
  /** The error to throw if the limit is reached. */
  error: () => Error;
};

/** The one rule of all quotas: uploads in progress (`sending`) do not count. */
export function isAtLimit({ count, sending }: InFlight, max: number): boolean {
  return count - sending >= max;
}

/**
 * Acquires one unit of each counter, or none.
 * @returns a function that releases them; further calls have no effect
 * @throws the error of the first limit that is reached
 */
export function acquireQuota(limits: readonly QuotaLimit[]): () => void {
  for (const { counter, max, error } of limits) if (isAtLimit(counter, max)) throw error();
  for (const { counter } of limits) counter.count++;
  let isReleased = false;
  return () => {
    if (isReleased) return;
    isReleased = true;
    for (const { counter } of limits) counter.count--;
  };
}

/**
 * Counters by owner name. A sweep removes counters that were idle during the previous sweep as well, so that a counter
 * just returned by `of` is never removed. It runs once per 1,024 added counters.
 */
export function createInFlightTable() {
  const counters = new Map<string, InFlight & { wasIdle: boolean }>();
  let sweepAt = SWEEP_SIZE;
  const sweep = (): void => {
    for (const [name, counter] of counters) {
      if (counter.wasIdle && counter.count === 0) counters.delete(name);
      else counter.wasIdle = counter.count === 0;
    }
    sweepAt = counters.size + SWEEP_SIZE;
  };
  return {
    of(name: string): InFlight {
      const known = counters.get(name);
      if (known !== undefined) {
        known.wasIdle = false;
        return known;
      }
      if (counters.size >= sweepAt) sweep();
      const created = { ...createInFlight(), wasIdle: false };
      counters.set(name, created);
      return created;
    },
    size: () => counters.size,
  };
}
