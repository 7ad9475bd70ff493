// Quota of a process that its applications share: half of it is reserved for them in equal parts, so that no application
// can use up the capacity of another; the other half is for whichever needs it. A single application has all of it.
import { createInFlight, type InFlight } from "./in-flight.ts";

export type QuotaShare = {
  /** Requests or connections of this application. */
  counter: InFlight;
  /** Below this number the application is always admitted. */
  reserved(): number;
  /** Whether neither the reserved part nor the common part has room for one more. */
  isFull(): boolean;
  /** Number of units of all applications. */
  usedByAll(): number;
  /** Runs the `tidy` functions of all applications. */
  tidyAll(): void;
  /** Returns the share, once the application is closed. */
  leave(): void;
};

export type SharedQuota = {
  /** @param tidy releases what is over but still counted; called before an application is rejected */
  join(tidy?: () => void): QuotaShare;
};

export function createSharedQuota(limit: number): SharedQuota {
  const members = new Set<{ counter: InFlight; tidy: () => void }>();
  const reserved = (): number => (members.size <= 1 ? limit : Math.floor(limit / 2 / members.size));
  const isFull = (counter: InFlight): boolean => {
    const own = reserved();
    if (usedBy(counter) < own) return false;
    let beyondReserved = 0;
    for (const member of members) beyondReserved += Math.max(0, usedBy(member.counter) - own);
    return beyondReserved >= limit - own * members.size;
  };
  const tidyAll = (): void => {
    for (const { tidy } of members) tidy();
  };
  return {
    join(tidy = () => undefined) {
      const counter = createInFlight();
      const member = { counter, tidy };
      members.add(member);
      return {
        counter,
        reserved,
        isFull() {
          if (!isFull(counter)) return false;
          tidyAll();
          return isFull(counter);
        },
        usedByAll() {
          let used = 0;
          for (const member of members) used += usedBy(member.counter);
          return used;
        },
        tidyAll,
        leave: () => void members.delete(member),
      };
    },
  };
}

function usedBy({ count, sending }: InFlight): number {
  return count - sending;
}
