// Redis connections for every form of REDIS_URL, without offline queue, retries or resent commands.
import { readFileSync } from "node:fs";
import type { ConnectionOptions as TlsOptions } from "node:tls";
import { Cluster, Redis, type RedisOptions } from "ioredis";
import { parseRedisUrl, type RedisAddress } from "../../config/redis-address.ts";
import { diagnoseRedis, type AccessOptions } from "./redis-diagnosis.ts";
import { redisErrorCode, type RedisConnectionError } from "./redis-errors.ts";
import { keepSocketErrorListeners } from "./redis-socket-errors.ts";
import type { RedisAccess } from "../../config/redis-access.ts";
import { checkServerIdentity } from "./server-identity.ts";

export type RedisClient = Redis | Cluster;

export type ConnectionOptions = { url: string; timeoutMs: number; access?: RedisAccess | undefined };

const CONNECT_TIMEOUT_MS = 2_000;

keepSocketErrorListeners();

/**
 * A timed-out command may still run later, and a resent one may run twice. So no command is queued, resent or retried, and
 * every script is idempotent. Time-outs come from deadline.ts instead of `commandTimeout`.
 */
const requestPathOptions = (timeoutMs: number) =>
  ({
    connectTimeout: CONNECT_TIMEOUT_MS,
    // Closes a dead connection; TCP alone would take about 15 minutes to notice.
    socketTimeout: Math.max(2_500, 6 * timeoutMs),
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // CLIENT SETINFO would add an ACL LOG entry per connection: Redis before 7.2 cannot allow the subcommand.
    disableClientInfo: true,
    retryStrategy: (attempt: number) => Math.min(20 * 2 ** attempt, 500) * (0.75 + Math.random() / 2),
    // After a failover, only a new connection reaches the new master.
    reconnectOnError: (error: Error) => redisErrorCode(error) === "READONLY",
  }) satisfies RedisOptions;

/**
 * Sends all commands of one event loop iteration in one write (cork). Costs a fifth less CPU per read than ioredis's
 * auto-pipelining. No-op for a Cluster, which has one stream per node.
 */
export function batchWrites(client: RedisClient): () => void {
  if (client instanceof Cluster) return () => undefined;
  let isCorked = false;
  return () => {
    const { stream } = client as { stream: Redis["stream"] | undefined };
    if (isCorked || stream === undefined) return;
    isCorked = true;
    stream.cork();
    setImmediate(() => {
      isCorked = false;
      stream.uncork();
    });
  };
}

/** Opens a client for any form of REDIS_URL: see redis-address.ts. */
export function connectRedis(options: ConnectionOptions): RedisClient {
  return connect(options, requestPathOptions(options.timeoutMs));
}

/** Opens a RESP2 connection for client-side caching invalidations, which ioredis drops under RESP3. Not for a Cluster. */
export function connectForInvalidations(options: ConnectionOptions): Redis {
  return connect(options, { ...requestPathOptions(options.timeoutMs), ...SUBSCRIBER_OPTIONS }) as Redis;
}

/**
 * Opens a pub/sub connection to the server, the master, or one node of a Cluster (messages reach all nodes). It does not
 * reconnect: the caller opens a new one. @param attempt selects the node: the next one for each attempt
 */
export function connectSubscriber(options: ConnectionOptions, attempt: number): Redis {
  const once = { ...SUBSCRIBER_OPTIONS, retryStrategy: never, sentinelRetryStrategy: never } as const;
  return connect(options, { ...requestPathOptions(options.timeoutMs), ...once }, attempt) as Redis;
}

const SUBSCRIBER_OPTIONS = { protocol: 2, autoResubscribe: false } as const;
const never = () => null;

type OpeningOptions = Omit<ReturnType<typeof requestPathOptions>, "retryStrategy"> & {
  retryStrategy: (attempt: number) => number | null;
};

function connect(
  { url, access = {} }: ConnectionOptions,
  options: OpeningOptions,
  subscriberAttempt?: number,
): RedisClient {
  const address = addressOf(url);
  const { topology, servers, masterName, db } = address;
  const { server, sentinel } = accessOptions(address, access);
  if (topology === "single") return onlyInDatabase(db, new Redis({ ...options, ...server, ...servers[0], db }));
  if (topology === "sentinel")
    return onlyInDatabase(
      db,
      new Redis({
        ...options,
        ...server,
        db,
        sentinels: servers,
        name: masterName,
        // ioredis uses plain text for both unless these are set.
        ...(server.tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: server.tls }),
        ...(sentinel.username === undefined ? {} : { sentinelUsername: sentinel.username }),
        ...(sentinel.password === undefined ? {} : { sentinelPassword: sentinel.password }),
      }),
    );
  if (subscriberAttempt !== undefined)
    return new Redis({ ...options, ...server, ...servers[subscriberAttempt % servers.length] });
  const { retryStrategy, ...perNode } = options;
  return new Cluster(servers, {
    redisOptions: { ...perNode, ...server },
    enableOfflineQueue: false,
    // By default ioredis connects to the resolved address of a node, which its certificate does not contain.
    dnsLookup: (host, done) => done(null, host),
    // Without auto-pipelining: until the slot table is refreshed, pipelined commands to a moved slot fail instead of being
    // redirected.
    clusterRetryStrategy: retryStrategy,
    slotsRefreshTimeout: 2_000,
  });
}

/** If SELECT fails during the handshake, ioredis continues in database 0. Disconnects instead. */
function onlyInDatabase(db: number, client: Redis): Redis {
  if (db !== 0) client.on("error", () => (client.status === "connect" ? client.disconnect(true) : undefined));
  return client;
}

function addressOf(url: string): RedisAddress {
  const parsed = parseRedisUrl(url);
  if (parsed.kind === "rejected") throw new Error(`REDIS_URL ${parsed.rule}`);
  return parsed.address;
}

function accessOptions(
  { isTls, username, password }: RedisAddress,
  { tlsFiles, sentinelUsername, sentinelPassword }: RedisAccess,
): { server: AccessOptions; sentinel: AccessOptions } {
  const tls = isTls ? { tls: tlsOptions(tlsFiles ?? {}) } : {};
  const credentials = (user?: string, secret?: string): AccessOptions => ({
    ...(user === undefined ? {} : { username: user }),
    ...(secret === undefined ? {} : { password: secret }),
  });
  return {
    server: { ...tls, ...credentials(username, password) },
    sentinel: { ...tls, ...credentials(sentinelUsername, sentinelPassword) },
  };
}

/** The getters read the files again for every connection, because ioredis copies the properties each time. */
function tlsOptions(files: NonNullable<RedisAccess["tlsFiles"]>): TlsOptions {
  const options: TlsOptions = { checkServerIdentity };
  for (const name of ["ca", "cert", "key"] as const) {
    const file = files[name];
    if (file !== undefined) Object.defineProperty(options, name, { enumerable: true, get: rereading(file) });
  }
  return options;
}

/** Keeps the last content while the file is missing during its replacement: an exception would stop ioredis from reconnecting. */
function rereading(file: string): () => Buffer {
  let content = readFileSync(file);
  return () => {
    try {
      content = readFileSync(file);
    } catch {
      // The file is being replaced.
    }
    return content;
  };
}

/** @returns why no connection can be established; see redis-diagnosis.ts */
export function diagnoseConnection({ url, access = {} }: ConnectionOptions): Promise<RedisConnectionError | undefined> {
  const address = addressOf(url);
  const { server, sentinel } = accessOptions(address, access);
  return diagnoseRedis({
    address,
    serverOptions: server,
    sentinelOptions: sentinel,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
  });
}
