// Single-flight initialization: concurrent callers share one attempt, a success is cached for the life of the process,
// and a failure is retried after a cool-down.
import { singleFlight } from "./single-flight.ts";

export type MemoizedSuccess<Result> = {
  /** @throws the error of the last attempt; during the cool-down without a new attempt */
  (): Promise<Result>;
  /** @returns the cached result, undefined before the first success */
  known: () => Result | undefined;
};

/** @param coolDownMs minimum time between a failure and the next attempt */
export function memoizeSuccess<Result>(attempt: () => Promise<Result>, coolDownMs: number): MemoizedSuccess<Result> {
  let known: Result | undefined;
  let failed: { error: unknown; untilMs: number } | undefined;
  const attemptOnce = singleFlight(async (): Promise<Result> => {
    try {
      known = await attempt();
      return known;
    } catch (error) {
      failed = { error, untilMs: performance.now() + coolDownMs };
      throw error;
    }
  });
  const run = (): Promise<Result> => {
    if (known !== undefined) return Promise.resolve(known);
    if (failed !== undefined && performance.now() < failed.untilMs) return Promise.reject(failed.error as Error);
    return attemptOnce();
  };
  return Object.assign(run, { known: () => known });
}
