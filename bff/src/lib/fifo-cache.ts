// FIFO cache: a Map of at most N entries that evicts the oldest one. Only for values that can be computed again.

/** Entries of a cache per session, each a few kilobytes: more than the sessions that one process serves at a time. */
export const REMEMBERED_SESSIONS = 10_000;

export class FifoCache<Key, Value> extends Map<Key, Value> {
  readonly #maxEntries: number;

  constructor(maxEntries: number) {
    super();
    this.#maxEntries = maxEntries;
  }

  /** Setting an existing key makes it the newest entry. */
  override set(key: Key, value: Value): this {
    this.delete(key);
    if (this.size >= this.#maxEntries) {
      const [oldest] = this.keys();
      this.delete(oldest as Key);
    }
    return super.set(key, value);
  }
}
