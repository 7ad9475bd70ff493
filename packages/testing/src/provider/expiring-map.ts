// Map with a lifetime per entry. Values are copied on read and write, so that concurrent requests never share one.

export type ExpiringMap<T> = {
  set: (key: string, value: T, expiresAtMs: number) => void;
  get: (key: string) => T | undefined;
  /** Atomic read-modify-write; `change` mutates the value. */
  update: (key: string, change: (value: T) => void) => void;
  delete: (key: string) => void;
  expiresAtMs: (key: string) => number;
  all: () => [string, T][];
};

const writesPerSweep = 2_000;

/** @param onDelete called for every deleted or expired entry, not for a replaced one */
export function createExpiringMap<T>(onDelete: (key: string, value: T) => void): ExpiringMap<T> {
  const entries = new Map<string, { value: T; expiresAtMs: number }>();
  let writes = 0;
  const remove = (key: string): void => {
    const entry = entries.get(key);
    if (entry !== undefined && entries.delete(key)) onDelete(key, entry.value);
  };
  const getLive = (key: string) => {
    const entry = entries.get(key);
    if (entry === undefined || entry.expiresAtMs > Date.now()) return entry;
    remove(key);
    return undefined;
  };
  return {
    set: (key, value, expiresAtMs) => {
      entries.set(key, { value: structuredClone(value), expiresAtMs });
      writes += 1;
      if (writes % writesPerSweep === 0) for (const each of entries.keys()) getLive(each);
    },
    get: (key) => structuredClone(getLive(key)?.value),
    update: (key, change) => {
      const entry = getLive(key);
      if (entry !== undefined) change(entry.value);
    },
    delete: remove,
    expiresAtMs: (key) => getLive(key)?.expiresAtMs ?? 0,
    all: () => [...entries].map(([key, { value }]) => [key, value]),
  };
}
