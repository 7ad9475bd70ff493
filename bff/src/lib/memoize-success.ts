// Something that has to succeed once: done when it is first needed, by one caller for all, and again until it succeeds.

export type UntilItWorks<Result> = {
  /** @throws what the last attempt threw */
  (): Promise<Result>;
  known: () => Result | undefined;
};

/** @param pauseMs after a failure the next attempt waits for so long: whoever is asked may just be starting */
export function memoizeSuccess<Result>(attempt: () => Promise<Result>, pauseMs: number): UntilItWorks<Result> {
  let known: Result | undefined;
  let pending: Promise<Result> | undefined;
  let failed: { error: unknown; untilMs: number } | undefined;
  const ask = (): Promise<Result> => {
    if (known !== undefined) return Promise.resolve(known);
    if (failed !== undefined && performance.now() < failed.untilMs) return Promise.reject(failed.error as Error);
    pending ??= attempt()
      .then(
        (result) => (known = result),
        (error: unknown) => {
          failed = { error, untilMs: performance.now() + pauseMs };
          throw error;
        },
      )
      .finally(() => (pending = undefined));
    return pending;
  };
  return Object.assign(ask, { known: () => known });
}
