// Breadth-first search for tokens in the object graph below `window`, without running getters.
import { looksLikeToken } from "./token-pattern.ts";

const maxDepth = 4;
/** Bounds the time that the search blocks the page. */
const maxValues = 50_000;

export interface GlobalsReport {
  readonly searchedCount: number;
  readonly suspects: readonly (readonly [path: string, value: string])[];
}

export function searchGlobals(from: object): GlobalsReport {
  const seen = new Set<object>();
  const suspects: [string, string][] = [];
  let searchedCount = 0;
  const queue: { value: object; path: string; depth: number }[] = [{ value: from, path: "window", depth: 0 }];
  for (let next = queue.shift(); next !== undefined && searchedCount < maxValues; next = queue.shift()) {
    if (seen.has(next.value) || isDom(next.value)) continue;
    seen.add(next.value);
    for (const [name, value] of ownDataValues(next.value)) {
      searchedCount += 1;
      const path = `${next.path}.${name}`;
      if (typeof value === "string" && looksLikeToken(`${name}=${value}`)) suspects.push([path, value]);
      if (typeof value === "object" && value !== null && next.depth < maxDepth) {
        queue.push({ value, path, depth: next.depth + 1 });
      }
    }
  }
  return { searchedCount, suspects };
}

/** Skips getters, which may throw or have side effects. */
function ownDataValues(of: object): [string, unknown][] {
  try {
    return Object.entries(Object.getOwnPropertyDescriptors(of)).flatMap(([name, descriptor]) =>
      "value" in descriptor ? [[name, descriptor.value as unknown] satisfies [string, unknown]] : [],
    );
  } catch {
    return []; // A proxy whose traps throw: other scripts cannot read it either.
  }
}

/** DOM nodes are skipped: this page displays the results of the search. */
function isDom(value: object): boolean {
  return value instanceof Node;
}
