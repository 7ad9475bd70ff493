// Counts requests of rows with a rate limit: one script call for all limits of a request.
import type { Store } from "../store.ts";
import type { RedisNames } from "./redis-names.ts";
import type { ScriptName } from "./redis-scripts.ts";

type RunScript = (name: ScriptName, keys: readonly string[], ...args: readonly (string | number)[]) => Promise<unknown>;

export function createRequestCounter(names: Pick<RedisNames, "rateLimit">, script: RunScript): Store["countRequest"] {
  return async function countRequest(scope, counters) {
    const keys = counters.map((counter) => names.rateLimit(scope, counter));
    const limits = counters.flatMap(({ requests, windowMs }) => [requests, windowMs]);
    const reply = (await script("countRequest", keys, ...limits)) as number[];
    return counters.map((_counter, at) => {
      const [remaining = 0, resetMs = 0, retryAfterMs = 0] = reply.slice(3 * at, 3 * at + 3);
      return { remaining, resetMs, retryAfterMs };
    });
  };
}
