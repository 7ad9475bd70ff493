// Circuit breaker per key (user): a failure that only one user causes (oversized tokens, a broken record at the
// provider) opens the circuit of that user, not the shared one.
import { FifoCache, REMEMBERED_SESSIONS } from "./fifo-cache.ts";
import { createBreaker, type Breaker, type BreakerOptions } from "./circuit-breaker.ts";

export type KeyedBreaker = {
  /** @returns true if the caller must fail fast, because the circuit of `key` or the shared one is open. */
  isOpen(key: string): boolean;
  report(key: string, isSuccess: boolean): void;
};

/** The shared circuit opens once `failuresToOpen` different keys have failed without a success in between. */
export function createKeyedBreaker(options: BreakerOptions): KeyedBreaker {
  const shared = createBreaker(options);
  const failing = new FifoCache<string, Breaker>(REMEMBERED_SESSIONS);
  return {
    isOpen: (key) => failing.get(key)?.isOpen() === true || shared.isOpen(),
    report(key, isSuccess) {
      const known = failing.get(key);
      if (isSuccess) {
        failing.delete(key);
        return shared.report(true);
      }
      // Consecutive failures of one key count once, so that a single user cannot open the shared circuit.
      if (known === undefined) shared.report(false);
      const own = known ?? createBreaker(options);
      own.report(false);
      if (known === undefined) failing.set(key, own);
    },
  };
}
