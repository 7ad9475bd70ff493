// Runs Lua scripts: by EVALSHA, or by EVAL on a Cluster.
import { Cluster, type Redis } from "ioredis";
import type { RedisClient } from "./redis-connection.ts";
import { SCRIPTS, type ScriptName } from "./redis-scripts.ts";

type Arguments = readonly (string | number)[];

export type RunScript = (name: ScriptName, keys: readonly string[], args: Arguments) => Promise<unknown>;

export function createScriptRunner(client: RedisClient): RunScript {
  if (client instanceof Cluster) {
    // ioredis assumes that a node has a script once it was sent there, even if the reply was MOVED: the next EVALSHA would
    // fail with NOSCRIPT.
    return async (name, keys, args) => client.eval(SCRIPTS[name].lua, keys.length, ...keys, ...args);
  }
  for (const [name, script] of Object.entries(SCRIPTS)) client.defineCommand(name, script);
  const scripts = client as Redis & Record<ScriptName, (...args: Arguments) => Promise<unknown>>;
  return (name, keys, args) =>
    "numberOfKeys" in SCRIPTS[name] ? scripts[name](...keys, ...args) : scripts[name](keys.length, ...keys, ...args);
}
