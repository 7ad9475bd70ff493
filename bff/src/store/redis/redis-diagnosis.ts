// Diagnosis of failed Redis connections: probes each server, because ioredis reports an unreachable Cluster node or
// Sentinel only as "Connection is closed".
import { Redis, type RedisOptions } from "ioredis";
import { RedisConnectionError, redisErrorCode, NO_RESPONSE } from "./redis-errors.ts";
import type { RedisAddress, RedisServer } from "../../config/redis-address.ts";

/** TLS and credentials. */
export type AccessOptions = Pick<RedisOptions, "username" | "password" | "tls">;

export type ProbeOptions = {
  address: RedisAddress;
  serverOptions: AccessOptions;
  sentinelOptions: AccessOptions;
  connectTimeoutMs: number;
};

/** @returns the first error found; undefined if all required servers respond */
export async function diagnoseRedis(options: ProbeOptions): Promise<RedisConnectionError | undefined> {
  const { address } = options;
  if (address.topology === "sentinel") return diagnoseSentinels(options);
  let found: RedisConnectionError | undefined;
  for (const server of address.servers) {
    const outcome = await probe(server, options, "server", (client) =>
      address.topology === "cluster" ? announcedNodes(client) : Promise.resolve([]),
    );
    if (outcome instanceof RedisConnectionError) found ??= outcome;
    else return firstError(outcome, options);
  }
  return found;
}

async function diagnoseSentinels(options: ProbeOptions): Promise<RedisConnectionError | undefined> {
  let found: RedisConnectionError | undefined;
  for (const sentinel of options.address.servers) {
    const outcome = await probe(sentinel, options, "sentinel", (client) =>
      masterOf(client, options.address.masterName),
    );
    if (!(outcome instanceof RedisConnectionError))
      return outcome === undefined
        ? new RedisConnectionError("UNKNOWN_MASTER", sentinel)
        : firstError([outcome], options);
    found ??= outcome;
  }
  return found;
}

async function firstError(servers: RedisServer[], options: ProbeOptions): Promise<RedisConnectionError | undefined> {
  for (const server of servers) {
    const outcome = await probe(server, options, "server", () => Promise.resolve());
    if (outcome instanceof RedisConnectionError) return outcome;
  }
  return undefined;
}

async function masterOf(client: Redis, name: string): Promise<RedisServer | undefined> {
  const reply = await client.call("SENTINEL", "get-master-addr-by-name", name);
  return Array.isArray(reply) ? { host: String(reply[0]), port: Number(reply[1]) } : undefined;
}

async function announcedNodes(client: Redis): Promise<RedisServer[]> {
  const slots = (await client.call("CLUSTER", "SLOTS")) as [unknown, unknown, [string | null, number]][];
  return slots.flatMap(([, , [host, port]]) => (host === null || host === "" ? [] : [{ host, port: Number(port) }]));
}

async function probe<T>(
  server: RedisServer,
  { serverOptions, sentinelOptions, connectTimeoutMs }: ProbeOptions,
  role: "server" | "sentinel",
  query: (client: Redis) => Promise<T>,
): Promise<T | RedisConnectionError> {
  const client = new Redis({
    ...(role === "server" ? serverOptions : sentinelOptions),
    ...server,
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableReadyCheck: role === "server",
    connectTimeout: connectTimeoutMs,
    commandTimeout: connectTimeoutMs,
  });
  let reported: unknown;
  client.on("error", (error: unknown) => (reported ??= error));
  try {
    await client.connect();
    return await query(client);
  } catch (error) {
    const cause = redisErrorCode(error) === NO_RESPONSE ? (reported ?? error) : error;
    return new RedisConnectionError(redisErrorCode(cause), server);
  } finally {
    client.disconnect();
  }
}

/** A diagnosis opens connections, so it is rate-limited. */
const DIAGNOSE_EVERY_MS = 5_000;

type ReporterOptions = {
  isReady: () => boolean;
  diagnose: () => Promise<RedisConnectionError | undefined>;
  onError: ((error: unknown) => void) | undefined;
};

export type ErrorReporter = {
  report(error: unknown): void;
  /** @returns the cause of a failed command: why there is no connection, or `error` itself while connected */
  causeOf(error: unknown): unknown;
  /** Forgets the cause once the connection is ready. */
  clear(): void;
};

/** Reports connection errors. An error without a cause, received while disconnected, starts a diagnosis first. */
export function createErrorReporter({ isReady, diagnose, onError }: ReporterOptions): ErrorReporter {
  let known: unknown;
  let nextDiagnosisMs = -Infinity;
  const reportCause = (error: unknown): void => {
    known = error;
    onError?.(error);
  };
  return {
    report(error) {
      if (isReady()) onError?.(error);
      else if (redisErrorCode(error) !== NO_RESPONSE) reportCause(error);
      else if (performance.now() >= nextDiagnosisMs) {
        nextDiagnosisMs = performance.now() + DIAGNOSE_EVERY_MS;
        diagnose().then(
          (found) => (isReady() ? undefined : reportCause(found ?? known ?? error)),
          () => reportCause(known ?? error),
        );
      }
    },
    causeOf: (error) => (isReady() ? error : (known ?? error)),
    clear() {
      known = undefined;
      nextDiagnosisMs = -Infinity;
    },
  };
}
