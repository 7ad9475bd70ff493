// How a script reaches Redis: by its hash where that is safe.
import { Cluster, type Redis } from "ioredis";
import type { RedisClient } from "./redis-connection.ts";
import { SCRIPTS, type ScriptName } from "./redis-scripts.ts";

type Arguments = readonly (string | number)[];

export type RunScript = (name: ScriptName, keys: readonly string[], args: Arguments) => Promise<unknown>;

export function createScriptRunner(client: RedisClient): RunScript {
  if (client instanceof Cluster) {
    // ioredis takes a script for known to a connection once it was sent there, also where the answer was that its slot
    // has moved: the next one by its hash then fails with NOSCRIPT.
    return async (name, keys, args) => client.eval(SCRIPTS[name].lua, SCRIPTS[name].numberOfKeys, ...keys, ...args);
  }
  for (const [name, script] of Object.entries(SCRIPTS)) client.defineCommand(name, script);
  const scripts = client as Redis & Record<ScriptName, (...args: Arguments) => Promise<unknown>>;
  return (name, keys, args) => scripts[name](...keys, ...args);
}
