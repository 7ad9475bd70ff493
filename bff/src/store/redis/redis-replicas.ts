// What is acknowledged has to outlive its master: such a write counts once a replica has it (Redis WAIT). On a
// connection of its own, because WAIT holds up everything that was sent behind it.
import { Cluster, type ChainableCommander, type Redis } from "ioredis";
import { connectRedis, type ConnectionOptions } from "./redis-connection.ts";
import { SCRIPTS, type ScriptName } from "./redis-scripts.ts";

export type Confirmed = { reply: unknown; isConfirmed: boolean };

export type ConfirmedScripts = {
  run(name: ScriptName, keys: readonly string[], args: readonly (string | number)[]): Promise<Confirmed>;
  close(): void;
};

type Options = ConnectionOptions & {
  /** Undefined: one with Sentinel, and with a Cluster that has any; otherwise nobody is asked. */
  replicas: number | undefined;
  onError?: (error: unknown) => void;
};

type Work = { name: ScriptName; keys: readonly string[]; args: readonly (string | number)[] };
type Waiting = Work & { resolve: (confirmed: Confirmed) => void; reject: (error: unknown) => void };

/** @returns undefined where no replica has to confirm anything */
export function createConfirmedScripts(options: Options): ConfirmedScripts | undefined {
  const { url, timeoutMs, replicas, onError } = options;
  const isOneServer = !/^rediss?\+/.test(url);
  if (replicas === 0 || (replicas === undefined && isOneServer)) return undefined;
  const client = connectRedis(options);
  client.on("error", (error: unknown) => onError?.(error));
  // Time is left for the script itself, and for the answer.
  const wait = { replicas: replicas ?? 1, waitMs: Math.ceil(timeoutMs / 4) };
  const run = client instanceof Cluster ? oneByOne(client, { ...wait, replicas }) : inGroups(client, wait);
  return { run: (name, keys, args) => run({ name, keys, args }), close: () => client.disconnect() };
}

type Wait = { replicas: number; waitMs: number };

/** Those that come while others wait go together and share one WAIT: it must not be a queue. */
function inGroups(client: Redis, { replicas, waitMs }: Wait): (work: Work) => Promise<Confirmed> {
  let next: Waiting[] = [];
  let isSending = false;
  const sendGroup = async (group: readonly Waiting[]): Promise<void> => {
    const pipeline = client.pipeline();
    for (const work of group) evalIn(pipeline, work);
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
  return (work) =>
    new Promise((resolve, reject) => {
      next.push({ ...work, resolve, reject });
      if (!isSending) void send();
    });
}

/** Each key has its master, and WAIT must be asked there. */
function oneByOne(client: Cluster, { replicas, waitMs }: { replicas: number | undefined; waitMs: number }) {
  return async ({ name, keys, args }: Work): Promise<Confirmed> => {
    const { lua, numberOfKeys } = SCRIPTS[name];
    const reply = await client.eval(lua, numberOfKeys, ...keys, ...args);
    const wanted = replicas ?? (client.nodes("slave").length > 0 ? 1 : 0);
    if (wanted === 0) return { reply, isConfirmed: true };
    // The key only names the master.
    const replies = await client
      .pipeline()
      .exists(keys[0] ?? "")
      .wait(wanted, waitMs)
      .exec();
    return { reply, isConfirmed: isEnough(replies?.at(-1), wanted) };
  };
}

/** Not by its hash: a server that has just become master may not know the script. */
function evalIn(pipeline: ChainableCommander, { name, keys, args }: Work): void {
  const { lua, numberOfKeys } = SCRIPTS[name];
  pipeline.eval(lua, numberOfKeys, ...keys, ...args);
}

function isEnough(reply: [error: Error | null, result: unknown] | undefined, replicas: number): boolean {
  return reply !== undefined && reply[0] === null && Number(reply[1]) >= replicas;
}
