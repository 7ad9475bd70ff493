// In-flight counters of one owner each (a session, a user, a client address): what every quota compares with its limit.

export type InFlight = {
  count: number;
  /** Those of them that wait for their own browser's body: no load for others (http/load-shedding.ts). */
  sending: number;
};

/** Receives from the reader of a request's body whether it waits for the browser to send more of it. */
export type SendingObserver = { setSending(isSending: boolean): void };

const SWEEP_SIZE = 1_024;

export function createInFlight(): InFlight {
  return { count: 0, sending: 0 };
}

/**
 * Counters by name. Those that stay idle from one sweep to the next are removed, never one that was just handed out. In
 * batches, for a table that changes with every request would cost more.
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
