// A Map that forgets what was put in first once it is full: for what only saves work and can be had again.

/** More sessions than one process serves at a time; of each, a few kilobytes. */
export const REMEMBERED_SESSIONS = 10_000;

export class FifoCache<Key, Value> extends Map<Key, Value> {
  readonly #maxEntries: number;

  constructor(maxEntries: number) {
    super();
    this.#maxEntries = maxEntries;
  }

  /** What is put in again counts as new. */
  override set(key: Key, value: Value): this {
    this.delete(key);
    if (this.size >= this.#maxEntries) {
      const [oldest] = this.keys();
      this.delete(oldest as Key);
    }
    return super.set(key, value);
  }
}
