// Runs in the page: collects every string that a script can reach from `window`, and all script-readable storage.

export async function collectScriptReadable(): Promise<{ text: string; values: number }> {
  const seen = new Set<object>([document]);
  const strings: string[] = [];
  let values = 0;
  const queue: { value: object; depth: number }[] = [{ value: window, depth: 0 }];
  for (let next = queue.shift(); next !== undefined && values < 100_000; next = queue.shift()) {
    for (const descriptor of Object.values(Object.getOwnPropertyDescriptors(next.value))) {
      // Data properties only: a getter may throw or have side effects.
      const value: unknown = descriptor.value;
      values += 1;
      if (typeof value === "string") strings.push(value);
      if (typeof value !== "object" || value === null || next.depth === 6 || seen.has(value)) continue;
      seen.add(value);
      queue.push({ value, depth: next.depth + 1 });
    }
  }
  const databases = "databases" in indexedDB ? await indexedDB.databases() : [];
  const stored = [
    Object.entries(localStorage),
    Object.entries(sessionStorage),
    document.cookie,
    history.state as unknown,
    window.name,
    document.referrer,
    performance.getEntries().map(({ name }) => name),
    databases,
    "caches" in window ? await caches.keys() : [],
    document.documentElement.outerHTML,
  ];
  return { text: JSON.stringify([strings, stored]), values };
}
