// Workaround: gives all undici clients one hidden class. undici adds two properties of a client after its constructor,
// so that unused, connecting and connected clients have different hidden classes. With more than four of them in one
// function V8 stops using inline caches. Effect: docs/development/performance.md; report: docs/development/undici-client-shape.md.
import { createRequire } from "node:module";
import type { Client } from "undici";

/** Names in undici/lib/core/symbols.js, in the order in which undici sets them. */
const LATE_PROPERTIES = ["kConnecting", "kSocket"] as const;

/** Sets the late properties of a new client to undefined, the value that undici reads before it sets them. @returns the client */
export function shaped<C extends Client>(client: C): C {
  for (const symbol of lateSymbols) Reflect.set(client, symbol, undefined);
  return client;
}

/** @returns no symbols if this undici release has no such internal file: requests then work, at a higher CPU cost */
function findLateSymbols(): symbol[] {
  try {
    const symbols = createRequire(import.meta.url)("undici/lib/core/symbols.js") as Record<string, unknown>;
    return LATE_PROPERTIES.map((name) => symbols[name]).filter((symbol) => typeof symbol === "symbol");
  } catch {
    return [];
  }
}

const lateSymbols = findLateSymbols();
