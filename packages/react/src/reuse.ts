// Structural sharing: keeps the identity of values that did not change, for dependency lists and memo().

/** @returns `before` if it equals `next`, otherwise `next` with every equal part taken from `before` */
export function reuse<T>(before: T, next: T): T {
  if (Object.is(before, next)) return before;
  if (before instanceof Date && next instanceof Date) return before.getTime() === next.getTime() ? before : next;
  if (!isPlain(before) || !isPlain(next) || Array.isArray(before) !== Array.isArray(next)) return next;
  const entries = Object.entries(next).map(([name, value]): [string, unknown] => [
    name,
    Object.hasOwn(before, name) ? reuse(before[name], value) : value,
  ]);
  const isSame =
    entries.length === Object.keys(before).length &&
    entries.every(([name, value]) => Object.hasOwn(before, name) && Object.is(value, before[name]));
  if (isSame) return before;
  return (Array.isArray(next) ? entries.map(([, value]) => value) : Object.fromEntries(entries)) as T;
}

/** Objects and arrays as JSON has them. Other objects, such as a Map, are compared by identity. */
function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === Array.prototype || prototype === null;
}
