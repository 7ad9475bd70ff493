// What is at hand, or has to be waited for. Waiting for what is at hand costs a request more than finding it.

export type MaybePromise<T> = T | Promise<T>;

/** Goes on at once where the value is at hand. Faults of `goOn` are thrown then, and otherwise reject the promise. */
export function mapMaybePromise<T, Result>(
  value: MaybePromise<T>,
  goOn: (value: T) => MaybePromise<Result>,
): MaybePromise<Result> {
  return value instanceof Promise ? value.then(goOn) : goOn(value);
}
