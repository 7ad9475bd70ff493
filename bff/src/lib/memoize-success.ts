// Single-flight initialization: concurrent callers share one attempt, a success is cached for the life of the process,
// and a failure is retried after a cool-down.

export type MemoizedSuccess<Result> = {
  /** @throws the error of the last attempt; during the cool-down without a new attempt */
  (): Promise<Result>;
  /** @returns the cached result, undefined before the first success */
  known: () => Result | undefined;
};

/** @param coolDownMs minimum time between a failure and the next attempt */
export function memoizeSuccess<Result>(attempt: () => Promise<Result>, coolDownMs: number): MemoizedSuccess<Result> {
  let known: Result | undefined;
  let inFlight: Promise<Result> | undefined;
  let failed: { error: unknown; untilMs: number } | undefined;
  const run = (): Promise<Result> => {
    if (known !== undefined) return Promise.resolve(known);
    if (failed !== undefined && performance.now() < failed.untilMs) return Promise.reject(failed.error as Error);
    inFlight ??= attempt()
      .then(
        (result) => (known = result),
        (error: unknown) => {
          failed = { error, untilMs: performance.now() + coolDownMs };
          throw error;
        },
      )
      .finally(() => (inFlight = undefined));
    return inFlight;
  };
  return Object.assign(run, { known: () => known });
}
