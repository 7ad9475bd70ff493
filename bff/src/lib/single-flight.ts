// Single-flight: concurrent calls with the same key share one execution and its outcome.

/** @param keyOf which calls share an execution. Default: all of them. */
export function singleFlight<Arguments extends readonly unknown[], Result>(
  fn: (...args: Arguments) => Promise<Result>,
  keyOf: (...args: Arguments) => string = () => "",
) {
  const inFlight = new Map<string, Promise<Result>>();
  const call = (...args: Arguments): Promise<Result> => {
    const key = keyOf(...args);
    const pending = inFlight.get(key);
    if (pending !== undefined) return pending;
    const started = fn(...args).finally(() => inFlight.delete(key));
    inFlight.set(key, started);
    return started;
  };
  return Object.assign(call, { isInFlight: (key: string): boolean => inFlight.has(key) });
}
