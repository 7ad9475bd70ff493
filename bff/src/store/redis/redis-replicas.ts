// Writes confirmed by replicas (Redis WAIT), so that a failover does not lose them. On a connection of their own, because
// WAIT blocks all commands behind it.
import { Cluster, type ChainableCommander, type Redis } from "ioredis";
import { connectRedis, type ConnectionOptions } from "./redis-connection.ts";
import { SCRIPTS, type ScriptName } from "./redis-scripts.ts";

export type Confirmed = { reply: unknown; isConfirmed: boolean };

export type ConfirmedScripts = {
  run(name: ScriptName, keys: readonly string[], args: readonly (string | number)[]): Promise<Confirmed>;
  close(): void;
};

type Options = ConnectionOptions & {
  /** REDIS_CONFIRM_REPLICAS; undefined: 1 with Sentinel and with a Cluster that has replicas, else 0. */
  replicas: number | undefined;
  onError?: ((error: unknown) => void) | undefined;
};

type ScriptCall = { name: ScriptName; keys: readonly string[]; args: readonly (string | number)[] };
type PendingCall = ScriptCall & { resolve: (confirmed: Confirmed) => void; reject: (error: unknown) => void };

/** @returns undefined if no confirmation is configured */
export function createConfirmedScripts(options: Options): ConfirmedScripts | undefined {
  const { url, timeoutMs, replicas, onError } = options;
  const isSingleServer = !/^rediss?\+/.test(url);
  if (replicas === 0 || (replicas === undefined && isSingleServer)) return undefined;
  const client = connectRedis(options);
  client.on("error", (error: unknown) => onError?.(error));
  // A quarter of the command's time-out, to leave time for the script and the reply.
  const wait = { replicas: replicas ?? 1, waitMs: Math.ceil(timeoutMs / 4) };
  const run =
    client instanceof Cluster ? createClusterRunner(client, { ...wait, replicas }) : createGroupRunner(client, wait);
  return { run: (name, keys, args) => run({ name, keys, args }), close: () => client.disconnect() };
}

type Wait = { replicas: number; waitMs: number };

/** Calls that arrive during a WAIT are sent together and share the next one, so that waits do not add up. */
function createGroupRunner(client: Redis, { replicas, waitMs }: Wait): (call: ScriptCall) => Promise<Confirmed> {
  let next: PendingCall[] = [];
  let isSending = false;
  const sendGroup = async (group: readonly PendingCall[]): Promise<void> => {
    const pipeline = client.pipeline();
    for (const call of group) evalIn(pipeline, call);
    const replies = (await pipeline.wait(replicas, waitMs).exec()) ?? [];
    const isConfirmed = isEnough(replies.at(-1), replicas);
    group.forEach(({ resolve, reject }, index) => {
      const [error, reply] = replies[index] ?? [new Error("no reply")];
      if (error === null) resolve({ reply, isConfirmed });
      else reject(error);
    });
  };
  const send = async (): Promise<void> => {
    isSending = true;
    while (next.length > 0) {
      const group = next;
      next = [];
      await sendGroup(group).catch((error: unknown) => group.forEach(({ reject }) => reject(error)));
    }
    isSending = false;
  };
  return (call) =>
    new Promise((resolve, reject) => {
      next.push({ ...call, resolve, reject });
      if (!isSending) void send();
    });
}

/** WAIT must run on the master of the key, so every call has its own. */
function createClusterRunner(client: Cluster, { replicas, waitMs }: { replicas: number | undefined; waitMs: number }) {
  return async ({ name, keys, args }: ScriptCall): Promise<Confirmed> => {
    const reply = await client.eval(SCRIPTS[name].lua, keys.length, ...keys, ...args);
    const wanted = replicas ?? (client.nodes("slave").length > 0 ? 1 : 0);
    if (wanted === 0) return { reply, isConfirmed: true };
    // EXISTS routes the pipeline to the master of the key.
    const replies = await client
      .pipeline()
      .exists(keys[0] ?? "")
      .wait(wanted, waitMs)
      .exec();
    return { reply, isConfirmed: isEnough(replies?.at(-1), wanted) };
  };
}

/** EVAL instead of EVALSHA: a newly promoted master may not have the script. */
function evalIn(pipeline: ChainableCommander, { name, keys, args }: ScriptCall): void {
  pipeline.eval(SCRIPTS[name].lua, keys.length, ...keys, ...args);
}

function isEnough(reply: [error: Error | null, result: unknown] | undefined, replicas: number): boolean {
  return reply !== undefined && reply[0] === null && Number(reply[1]) >= replicas;
}
