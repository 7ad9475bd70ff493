// Quota of a process that its applications share: half of it is reserved for them in equal parts, so that no application
// can use up the capacity of another; the other half is for whichever needs it. A single application has all of it.
import { createInFlight, type InFlight } from "./in-flight.ts";

export type QuotaShare = {
  /** Requests or connections of this application. */
  counter: InFlight;
  /** Whether neither the reserved part nor the common part has room for one more. */
  isFull(): boolean;
  /** Whether the use of all applications has reached `count` units, or an amount at which one application may be full. */
  isNear(count: number): boolean;
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
  /** An array, because every request walks through it. */
  let members: readonly { counter: InFlight; tidy: () => void }[] = [];
  const reserved = (): number => (members.length <= 1 ? limit : Math.floor(limit / 2 / members.length));
  const isFull = (counter: InFlight): boolean => {
    const own = reserved();
    if (usedBy(counter) < own) return false;
    let beyondReserved = 0;
    for (const member of members) beyondReserved += Math.max(0, usedBy(member.counter) - own);
    return beyondReserved >= limit - own * members.length;
  };
  const tidyAll = (): void => {
    for (const { tidy } of members) tidy();
  };
  return {
    join(tidy = () => undefined) {
      const counter = createInFlight();
      const member = { counter, tidy };
      members = [...members, member];
      return {
        counter,
        isFull() {
          if (!isFull(counter)) return false;
          tidyAll();
          return isFull(counter);
        },
        isNear(count) {
          let used = 0;
          for (const each of members) used += usedBy(each.counter);
          // Full only if the common part is used up, to which no more units belong than are in use.
          return used >= Math.min(count, members.length <= 1 ? limit : limit - reserved() * members.length);
        },
        tidyAll,
        leave: () => void (members = members.filter((each) => each !== member)),
      };
    },
  };
}

function usedBy({ count, sending }: InFlight): number {
  return count - sending;
}
