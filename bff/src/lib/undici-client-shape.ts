// undici's clients, all of one shape. Three of a client's properties come later, in an order that its first request
// decides. Where there are more than four shapes V8 looks each property up anew, in the functions that undici goes
// through for every request; what that cost is in docs/development/performance.md.
import { createRequire } from "node:module";
import type { Client } from "undici";

const LATE = ["kNeedDrain", "kConnecting", "kSocket"] as const;

/** Gives a new client the properties that it would get later, undefined as they are until then. @returns the client */
export function shaped<C extends Client>(client: C): C {
  for (const symbol of lateSymbols) Reflect.set(client, symbol, undefined);
  return client;
}

/** Of a file of undici's own. Without it everything works, a little slower. */
function findLateSymbols(): symbol[] {
  try {
    const symbols = createRequire(import.meta.url)("undici/lib/core/symbols.js") as Record<string, unknown>;
    return LATE.map((name) => symbols[name]).filter((symbol) => typeof symbol === "symbol");
  } catch {
    return [];
  }
}

const lateSymbols = findLateSymbols();
