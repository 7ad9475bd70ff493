// How the gateway connects to Redis: URL forms, deadlines, and no command that runs twice or waits in a queue.
import { readFileSync } from "node:fs";
import type { ConnectionOptions as TlsOptions } from "node:tls";
import { Cluster, Redis, type RedisOptions } from "ioredis";
import { parseRedisUrl, type RedisAddress } from "../../config/redis-address.ts";
import { diagnoseRedis, type AccessOptions } from "./redis-diagnosis.ts";
import { redisErrorCode, type RedisConnectionError } from "./redis-errors.ts";
import type { RedisAccess } from "../../config/redis-access.ts";
import { checkServerIdentity } from "./server-identity.ts";

export type RedisClient = Redis | Cluster;

export type ConnectionOptions = { url: string; timeoutMs: number; access?: RedisAccess | undefined };

const CONNECT_TIMEOUT_MS = 2_000;

/**
 * A timed-out command may still run later, and a resent one runs twice: so nothing is queued, resent or retried here,
 * and every script tolerates having run already. Not `commandTimeout`: see deadline.ts.
 */
const requestPathOptions = (timeoutMs: number) =>
  ({
    connectTimeout: CONNECT_TIMEOUT_MS,
    // A connection that went silent is given up: TCP alone would take a quarter of an hour to notice.
    socketTimeout: Math.max(2_500, 6 * timeoutMs),
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // CLIENT SETINFO would fill ACL LOG at every connection: Redis before 7.2 has no such subcommand to allow.
    disableClientInfo: true,
    retryStrategy: (attempt: number) => Math.min(20 * 2 ** attempt, 500) * (0.75 + Math.random() / 2),
    // After a failover only a new connection reaches the new master.
    reconnectOnError: (error: Error) => redisErrorCode(error) === "READONLY",
  }) satisfies RedisOptions;

/**
 * Lets the commands of one turn of the event loop leave in one write; costs a fifth less CPU per read than ioredis's
 * automatic pipelines. Not under Cluster, where a stream per node would have to be found.
 */
export function gatherWrites(client: RedisClient): () => void {
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

/** Opens a connection for client-side-caching notifications, which ioredis drops under RESP3. Not for Cluster. */
export function connectForNotifications(options: ConnectionOptions): Redis {
  return connect(options, { ...requestPathOptions(options.timeoutMs), ...LISTENING }) as Redis;
}

/**
 * Opens a connection that is to listen only: to the server, the master, or one node of a Cluster, where a message
 * reaches all of them. It gives up at the first fault, and whoever opened it opens another. @param attempt picks the node
 */
export function connectListener(options: ConnectionOptions, attempt: number): Redis {
  const once = { ...LISTENING, retryStrategy: never, sentinelRetryStrategy: never } as const;
  return connect(options, { ...requestPathOptions(options.timeoutMs), ...once }, attempt) as Redis;
}

const LISTENING = { protocol: 2, autoResubscribe: false } as const;
const never = () => null;

type OpeningOptions = Omit<ReturnType<typeof requestPathOptions>, "retryStrategy"> & {
  retryStrategy: (attempt: number) => number | null;
};

function connect(
  { url, access = {} }: ConnectionOptions,
  options: OpeningOptions,
  listenerAttempt?: number,
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
  if (listenerAttempt !== undefined)
    return new Redis({ ...options, ...server, ...servers[listenerAttempt % servers.length] });
  const { retryStrategy, ...perNode } = options;
  return new Cluster(servers, {
    redisOptions: { ...perNode, ...server },
    enableOfflineQueue: false,
    // By default ioredis connects to the resolved address of a node, which a certificate for its host name does not name.
    dnsLookup: (host, done) => done(null, host),
    // Not its automatic pipelines: a command in one that meets a moved slot fails instead of following it, for as long as
    // the table of slots is old.
    clusterRetryStrategy: retryStrategy,
    slotsRefreshTimeout: 2_000,
  });
}

/** ioredis continues in database 0 if SELECT fails during the handshake: sessions would be in the wrong database. */
function onlyInDatabase(db: number, client: Redis): Redis {
  if (db !== 0) client.on("error", () => (client.status === "connect" ? client.disconnect(true) : undefined));
  return client;
}

function addressOf(url: string): RedisAddress {
  const parsed = parseRedisUrl(url);
  if (parsed.kind === "refused") throw new Error(`REDIS_URL ${parsed.rule}`);
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

/** ioredis copies these properties for each connection, which calls the getters. */
function tlsOptions(files: NonNullable<RedisAccess["tlsFiles"]>): TlsOptions {
  const options: TlsOptions = { checkServerIdentity };
  for (const name of ["ca", "cert", "key"] as const) {
    const file = files[name];
    if (file !== undefined) Object.defineProperty(options, name, { enumerable: true, get: rereading(file) });
  }
  return options;
}

/** A file that is being replaced may be missing for a moment; an exception here would end ioredis's reconnecting. */
function rereading(file: string): () => Buffer {
  let content = readFileSync(file);
  return () => {
    try {
      content = readFileSync(file);
    } catch {
      // The previous content is still the best there is.
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
