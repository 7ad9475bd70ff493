// Values that a browser or a sender may deny.

/** @returns null if `read` throws */
export function attempt<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
