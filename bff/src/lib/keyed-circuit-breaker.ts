// Circuit breaker for requests on behalf of many users: a failure that only one of them causes (tokens that are too
// large, a broken record at the provider) opens that user's circuit, never the others'.
import { FifoCache, REMEMBERED_SESSIONS } from "./fifo-cache.ts";
import { createBreaker, type Breaker, type BreakerOptions } from "./circuit-breaker.ts";

export type KeyedBreaker = {
  /** @returns true where the request must not be sent now */
  isOpen(key: string): boolean;
  report(key: string, isAlive: boolean): void;
};

/** Opens for all once `failuresToOpen` different keys have failed without a success in between. */
export function createKeyedBreaker(options: BreakerOptions): KeyedBreaker {
  const shared = createBreaker(options);
  const failing = new FifoCache<string, Breaker>(REMEMBERED_SESSIONS);
  return {
    isOpen: (key) => failing.get(key)?.isOpen() === true || shared.isOpen(),
    report(key, isAlive) {
      const known = failing.get(key);
      if (isAlive) {
        failing.delete(key);
        return shared.report(true);
      }
      // A key that keeps failing counts once: alone it never opens the shared circuit.
      if (known === undefined) shared.report(false);
      const own = known ?? createBreaker(options);
      own.report(false);
      if (known === undefined) failing.set(key, own);
    },
  };
}
