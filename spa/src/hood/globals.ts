// Every value that a script finds from `window` without calling anything.
import { looksLikeToken } from "./token-pattern.ts";

const deepest = 4;
/** Bounds the walk: a page that is busy for seconds would prove nothing more. */
const mostValues = 50_000;

export interface GlobalsReport {
  readonly lookedAt: number;
  readonly suspects: readonly (readonly [path: string, value: string])[];
}

export function searchGlobals(from: object): GlobalsReport {
  const seen = new Set<object>();
  const suspects: [string, string][] = [];
  let lookedAt = 0;
  const queue: { value: object; path: string; depth: number }[] = [{ value: from, path: "window", depth: 0 }];
  for (let next = queue.shift(); next !== undefined && lookedAt < mostValues; next = queue.shift()) {
    if (seen.has(next.value) || isDom(next.value)) continue;
    seen.add(next.value);
    for (const [name, value] of plainValues(next.value)) {
      lookedAt += 1;
      const path = `${next.path}.${name}`;
      if (typeof value === "string" && looksLikeToken(`${name}=${value}`)) suspects.push([path, value]);
      if (typeof value === "object" && value !== null && next.depth < deepest) {
        queue.push({ value, path, depth: next.depth + 1 });
      }
    }
  }
  return { lookedAt, suspects };
}

/** Values only: a getter may warn, throw or do something. */
function plainValues(of: object): [string, unknown][] {
  try {
    return Object.entries(Object.getOwnPropertyDescriptors(of)).flatMap(([name, descriptor]) =>
      "value" in descriptor ? [[name, descriptor.value as unknown] satisfies [string, unknown]] : [],
    );
  } catch {
    return []; // A proxy that refuses to be looked at: nothing that a thief could read either.
  }
}

/** The document shows this very report: searching it would find what was just written there. */
function isDom(value: object): boolean {
  return value instanceof Node;
}
