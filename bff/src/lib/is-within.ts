// Depth limit of JSON values.

/** Whether a JSON value is nested at most `levels` deep: deeper ones would overflow the stack of a recursive function. */
export function isWithin(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return levels > 0 && Object.values(value).every((each) => isWithin(each, levels - 1));
}
