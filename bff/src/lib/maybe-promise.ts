// A value or a promise of it. A cached value is passed on synchronously: an `await` would cost each request a microtask.

export type MaybePromise<T> = T | Promise<T>;

/** Calls `fn` synchronously unless `value` is a promise. Errors of `fn` are thrown in the first case, and reject in the second. */
export function mapMaybePromise<T, Result>(
  value: MaybePromise<T>,
  fn: (value: T) => MaybePromise<Result>,
): MaybePromise<Result> {
  return value instanceof Promise ? value.then(fn) : fn(value);
}
