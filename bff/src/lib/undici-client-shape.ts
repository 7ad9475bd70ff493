// Keeps undici's property accesses monomorphic. A client gets three of its properties late, in an order that depends on
// its first request. With more than four hidden classes, V8's inline caches become megamorphic in functions that run for
// every request; the cost is in docs/development/performance.md.
import { createRequire } from "node:module";
import type { Client } from "undici";

const LATE = ["kNeedDrain", "kConnecting", "kSocket"] as const;

/** Adds the late properties to a new client, with the value undefined. @returns the client */
export function shaped<C extends Client>(client: C): C {
  for (const symbol of lateSymbols) Reflect.set(client, symbol, undefined);
  return client;
}

/** Reads undici's private symbols. If a release moves them, clients work unchanged, only slower. */
function findLateSymbols(): symbol[] {
  try {
    const symbols = createRequire(import.meta.url)("undici/lib/core/symbols.js") as Record<string, unknown>;
    return LATE.map((name) => symbols[name]).filter((symbol) => typeof symbol === "symbol");
  } catch {
    return [];
  }
}

const lateSymbols = findLateSymbols();
