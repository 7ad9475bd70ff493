// A Map whose entries end by themselves. They are copied on the way in and out: two requests never share one.

export type ExpiringMap<T> = {
  set: (key: string, value: T, expiresAtMs: number) => void;
  get: (key: string) => T | undefined;
  /** Changes the entry in place, at once: what reads and then writes with nothing in between. */
  update: (key: string, change: (value: T) => void) => void;
  delete: (key: string) => void;
  expiresAtMs: (key: string) => number;
  all: () => [string, T][];
};

const sweepEveryWrites = 2_000;

/** @param onDelete told of every entry that goes, whether deleted or expired, but not of one that is replaced */
export function expiringMap<T>(onDelete: (key: string, value: T) => void): ExpiringMap<T> {
  const entries = new Map<string, { value: T; expiresAtMs: number }>();
  let writes = 0;
  const remove = (key: string): void => {
    const entry = entries.get(key);
    if (entry !== undefined && entries.delete(key)) onDelete(key, entry.value);
  };
  const live = (key: string) => {
    const entry = entries.get(key);
    if (entry === undefined || entry.expiresAtMs > Date.now()) return entry;
    remove(key);
    return undefined;
  };
  return {
    set: (key, value, expiresAtMs) => {
      entries.set(key, { value: structuredClone(value), expiresAtMs });
      writes += 1;
      if (writes % sweepEveryWrites === 0) for (const each of entries.keys()) live(each);
    },
    get: (key) => structuredClone(live(key)?.value),
    update: (key, change) => {
      const entry = live(key);
      if (entry !== undefined) change(entry.value);
    },
    delete: remove,
    expiresAtMs: (key) => live(key)?.expiresAtMs ?? 0,
    all: () => [...entries].map(([key, { value }]) => [key, value]),
  };
}
