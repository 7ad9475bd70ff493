// The Redis connections of a process, shared by the stores of its applications: commands, confirmed writes, pub/sub and
// invalidations. While Redis is down, every call throws store_unavailable (503) within REDIS_TIMEOUT_MS: commands are
// neither queued nor retried, no session ends and no cookie changes. The client reconnects with backoff, and reads and
// writes succeed again once it is connected. Connection: redis-connection.ts; cause in the log and in /readyz:
// redis-diagnosis.ts.
import { Cluster } from "ioredis";
import type { RedisAccess } from "../../config/redis-access.ts";
import { GatewayError } from "../../errors.ts";
import { createDeadline } from "../deadline.ts";
import { followRedisClock, type RedisClock } from "./redis-clock.ts";
import { batchWrites, connectRedis, diagnoseConnection, type RedisClient } from "./redis-connection.ts";
import { createErrorReporter } from "./redis-diagnosis.ts";
import { createRedisInvalidations, type RedisInvalidations } from "./redis-invalidations.ts";
import { createConfirmedScripts, type Confirmed } from "./redis-replicas.ts";
import { createScriptRunner } from "./redis-script-runner.ts";
import type { ScriptName } from "./redis-scripts.ts";
import { clusterError, evictionError } from "./redis-server-checks.ts";
import { createRedisSubscriber, type RedisSubscriber } from "./redis-subscriber.ts";

export type RedisServerOptions = {
  url: string;
  timeoutMs: number;
  access?: RedisAccess | undefined;
  /** See REDIS_CONFIRM_REPLICAS. */
  confirmReplicas?: number | undefined;
  /** Called when the connection is established or lost. */
  onStatus?: ((status: "ready" | "lost") => void) | undefined;
  onError?: ((error: unknown) => void) | undefined;
};

type Arguments = readonly (string | number)[];
type Script<Reply> = (name: ScriptName, keys: readonly string[], ...args: Arguments) => Promise<Reply>;

export type RedisServer = {
  client: RedisClient;
  /** Runs a command in time. @throws GatewayError store_unavailable */
  attempt: <T>(command: () => Promise<T>) => Promise<T>;
  script: Script<unknown>;
  /** Runs a write and waits for its replicas; logs NOREPLICAS if they do not confirm in time. */
  runConfirmed: Script<Confirmed>;
  /** @param name key that selects the master whose clock is read on a Cluster */
  clock(name: string): RedisClock;
  subscriber: RedisSubscriber;
  invalidations: RedisInvalidations;
  /** Calls `listener` after each connect. @returns a function that removes it */
  onReady(listener: () => void): () => void;
  /** @returns undefined if the server is usable, otherwise one sentence with the setting and the fix */
  check(): Promise<string | undefined>;
  close(): void;
};

// oxlint-disable-next-line max-lines-per-function -- a factory: its functions share state and are short
export function connectRedisServer(options: RedisServerOptions): RedisServer {
  const client = connectRedis(options);
  const run = createScriptRunner(client);
  /** ioredis may emit "ready" for a connection that it is already closing. */
  const isReady = () => client.status === "ready" && (client instanceof Cluster || client.stream.writable);
  const errors = createErrorReporter({
    isReady,
    diagnose: () => diagnoseConnection(options),
    onError: options.onError,
  });
  client.on("close", () => options.onStatus?.("lost"));
  // Without a listener ioredis prints connection errors with the address to stderr.
  client.on("error", errors.report);
  const readyListeners = new Set<() => void>();
  client.on("ready", () => {
    for (const listener of readyListeners) listener();
  });
  const onReady = (listener: () => void): (() => void) => {
    readyListeners.add(listener);
    return () => void readyListeners.delete(listener);
  };

  const inTime = createDeadline(options.timeoutMs);
  const batch = batchWrites(client);
  const attempt = async <T>(command: () => Promise<T>): Promise<T> => {
    try {
      batch();
      return await inTime(command());
    } catch (error) {
      // While disconnected, the connection error is reported once instead of one error per command.
      if (isReady()) options.onError?.(error);
      throw new GatewayError("store_unavailable", { cause: errors.causeOf(error) });
    }
  };
  const clockOf = (name: string) => followRedisClock({ client, attempt, name, onReady });
  const sharedClock = client instanceof Cluster ? undefined : clockOf("");
  onReady(() => {
    if (!isReady()) return;
    errors.clear();
    options.onStatus?.("ready");
  });
  const script: RedisServer["script"] = (name, keys, ...args) => attempt(() => run(name, keys, args));
  const confirmed = createConfirmedScripts({ ...options, replicas: options.confirmReplicas });
  const subscriber = createRedisSubscriber(options);

  return {
    client,
    attempt,
    script,
    async runConfirmed(name, keys, ...args) {
      if (confirmed === undefined) return { reply: await script(name, keys, ...args), isConfirmed: true };
      const written = await attempt(() => confirmed.run(name, keys, args));
      if (!written.isConfirmed) options.onError?.(new Error("NOREPLICAS"));
      return written;
    },
    clock: (name) => (sharedClock === undefined ? clockOf(name) : { ...sharedClock, close: () => undefined }),
    subscriber,
    invalidations: createRedisInvalidations({ ...options, client }),
    onReady,
    async check() {
      const [memory, cluster] = await attempt(() => Promise.all([client.info("memory"), client.info("cluster")]));
      return evictionError(memory) ?? (client instanceof Cluster ? undefined : clusterError(cluster));
    },
    close() {
      sharedClock?.close();
      subscriber.close();
      client.disconnect();
      confirmed?.close();
    },
  };
}
