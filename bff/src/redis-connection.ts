// How the gateway connects to Redis: URL forms, deadlines, and no command that runs twice or waits in a queue.
import { Cluster, Redis, type RedisOptions } from "ioredis";

export type RedisClient = Redis | Cluster;

type ConnectionOptions = { url: string; timeoutMs: number };

/**
 * A timed-out command may still run later, and a resent one runs twice: so nothing is queued, resent or retried here,
 * and every script tolerates having run already. Not `commandTimeout`: see deadline.ts.
 */
const requestPathOptions = (timeoutMs: number) =>
  ({
    connectTimeout: 2_000,
    // A connection that went silent is given up: TCP alone would take a quarter of an hour to notice.
    socketTimeout: Math.max(2_500, 6 * timeoutMs),
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: (attempt: number) => Math.min(20 * 2 ** attempt, 500) * (0.75 + Math.random() / 2),
    // After a failover the old master answers READONLY: only a new connection finds the new one.
    reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
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

/**
 * Opens a client for `redis[s]://`, `redis[s]+sentinel://host:port,host:port/master-name` or
 * `redis[s]+cluster://host:port,host:port`; user, password and (not for Cluster) `?db=n` as usual.
 */
export function connectRedis({ url, timeoutMs }: ConnectionOptions): RedisClient {
  return connect(url, requestPathOptions(timeoutMs));
}

/** Opens a connection for client-side-caching notifications, which ioredis drops under RESP3. Not for Cluster. */
export function connectForNotifications({ url, timeoutMs }: ConnectionOptions): Redis {
  return connect(url, { ...requestPathOptions(timeoutMs), ...LISTENING }) as Redis;
}

/**
 * Opens a connection that is to listen only: to the server, the master, or one node of a Cluster, where a message
 * reaches all of them. It gives up at the first fault, and whoever opened it opens another. @param attempt picks the node
 */
export function connectListener({ url, timeoutMs }: ConnectionOptions, attempt: number): Redis {
  const once = { ...LISTENING, retryStrategy: never, sentinelRetryStrategy: never } as const;
  return connect(url, { ...requestPathOptions(timeoutMs), ...once }, attempt) as Redis;
}

const LISTENING = { protocol: 2, autoResubscribe: false } as const;
const never = () => null;

type OpeningOptions = Omit<ReturnType<typeof requestPathOptions>, "retryStrategy"> & {
  retryStrategy: (attempt: number) => number | null;
};

function connect(url: string, options: OpeningOptions, listenerAttempt?: number): RedisClient {
  const form = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^/?]+)(?:\/([^?]*))?(?:\?(.*))?$/.exec(url);
  if (form === null) throw new Error("REDIS_URL cannot be parsed");
  const [, scheme, topology, credentials = "", hosts = "", path = "", query = ""] = form;
  const db = Number(new URLSearchParams(query).get("db") ?? (/^\d+$/.test(path) ? path : 0));
  // Without its query: ioredis would let it override the deadlines.
  if (topology === undefined) return new Redis(url.split("?")[0] ?? "", { ...options, db });

  const [username = "", password] = credentials.split(":").map(decodeURIComponent);
  const secured = {
    ...(username === "" ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(scheme === "rediss" ? { tls: {} } : {}),
  };
  // ioredis leaves both ways in plain text unless told so by these names.
  const sentinelTls = scheme === "rediss" ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {};
  const nodes = hosts.split(",").map((part) => {
    const { hostname, port } = new URL(`tcp://${part}`);
    return { host: hostname, port: Number(port === "" ? (topology === "sentinel" ? 26_379 : 6_379) : port) };
  });
  if (topology === "sentinel") {
    return new Redis({
      ...options,
      ...secured,
      ...sentinelTls,
      db,
      sentinels: nodes,
      name: path === "" ? "mymaster" : path,
    });
  }
  if (listenerAttempt !== undefined)
    return new Redis({ ...options, ...secured, ...nodes[listenerAttempt % nodes.length] });
  const { retryStrategy, ...perNode } = options;
  return new Cluster(nodes, {
    redisOptions: { ...perNode, ...secured },
    enableOfflineQueue: false,
    // Not its automatic pipelines: a command in one that meets a moved slot fails instead of following it, for as long as
    // the table of slots is old.
    clusterRetryStrategy: retryStrategy,
    slotsRefreshTimeout: 2_000,
  });
}
