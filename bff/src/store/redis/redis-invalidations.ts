// Cache invalidation by Redis client-side caching (CLIENT TRACKING, BCAST mode) on a connection of its own, with PINGs on
// the same connection that prove that no invalidation is missing. One connection serves all applications of the process:
// each has its own prefix, and receives the invalidations below it only (I9).
import { randomBytes } from "node:crypto";
import { Cluster, type Redis } from "ioredis";
import { createDeadline } from "../deadline.ts";
import { connectForInvalidations, type ConnectionOptions, type RedisClient } from "./redis-connection.ts";
import type { RedisNames } from "./redis-names.ts";
import { MAX_STALENESS_MS, type InvalidationFeed, type InvalidationListener, type FeedState } from "../store.ts";

type InvalidationOptions = ConnectionOptions & {
  /** The connection of all other commands. Invalidations must come from the same server. */
  client: RedisClient;
};

type ApplicationNames = Pick<RedisNames, "keyOfSession" | "trackingPrefix">;

export type RedisInvalidations = {
  /** Connects with the first feed, and disconnects with the last. */
  subscribe(names: ApplicationNames, listener: InvalidationListener): InvalidationFeed;
};

type Feed = {
  names: ApplicationNames;
  listener: InvalidationListener;
  state: FeedState;
};

const CHANNEL = "__redis__:invalidate";
/** Several PINGs per MAX_STALENESS_MS, so that a single late reply does not disable the cache. */
const PING_EVERY_MS = MAX_STALENESS_MS / 5;
const RETRY_MS = { first: 500, longest: 30_000 };

const CONNECTING: FeedState = { kind: "disconnected", reason: "the invalidation connection is not established" };
const UNSUPPORTED: FeedState = {
  kind: "unsupported",
  reason: "REDIS_URL is a Cluster, where each node sends invalidations for its own keys only",
};

/**
 * Uses RESP2, because ioredis drops the push messages of RESP3, and redirects the invalidations to this same connection.
 * Redis replies in order: the reply to a PING sent after a change follows the invalidation of that change. So a recent
 * reply proves that no older change was missed.
 */
// oxlint-disable-next-line max-lines-per-function -- a factory: its functions share state and are short
export function createRedisInvalidations(options: InvalidationOptions): RedisInvalidations {
  const { client } = options;
  if (client instanceof Cluster) return { subscribe: (_names, listener) => unsupportedFeed(listener) };
  const inTime = createDeadline(options.timeoutMs);
  const feeds = new Set<Feed>();
  const probes = new Map<string, () => void>();
  let connection: Redis | undefined;
  /** Prefixes that this connection tracks: empty until tracking is enabled. */
  let tracked: ReadonlySet<string> = new Set();
  let freshAtMs = -Infinity;
  let pingedAtMs = -Infinity;
  /** Incremented with every connection; results of earlier ones are ignored. */
  let epoch = 0;
  let retry: { timer?: NodeJS.Timeout | undefined; nextMs: number } = { nextMs: RETRY_MS.first };

  const setState = (feed: Feed, next: FeedState): void => {
    feed.state = next;
    feed.listener.onState(next);
  };
  const onClose = (): void => {
    epoch += 1;
    freshAtMs = -Infinity;
    tracked = new Set();
    for (const feed of feeds) {
      feed.listener.anyChanged();
      if (feed.state.kind === "connected") setState(feed, CONNECTING);
    }
  };
  const retryLater = (): void => {
    if (retry.timer !== undefined) return;
    const tryAgain = (): void => {
      retry.timer = undefined;
      const waiting = [...feeds].filter(({ state }) => state.kind !== "connected");
      // The permissions of one application may be missing: the caches of the others stay in use.
      if (waiting.length < feeds.size) for (const feed of waiting) verify(feed);
      else connection?.disconnect(true);
    };
    retry = { timer: setTimeout(tryAgain, retry.nextMs).unref(), nextMs: Math.min(retry.nextMs * 2, RETRY_MS.longest) };
  };
  const startTracking = (): void => {
    if (connection === undefined || client.status !== "ready" || connection.status !== "ready") return;
    const ownEpoch = (epoch += 1);
    const prefixes = new Set([...feeds].map(({ names }) => names.trackingPrefix));
    enableTracking({ connection, client, prefixes: [...prefixes], inTime }).then(
      () => {
        if (ownEpoch !== epoch) return;
        tracked = prefixes;
        for (const feed of feeds) verify(feed);
      },
      (error: unknown) => {
        if (ownEpoch !== epoch) return;
        for (const feed of feeds) setState(feed, { kind: "disconnected", reason: reasonOf(error) });
        retryLater();
      },
    );
  };
  /** Verifies tracking end to end: a write on the command connection must arrive as an invalidation. */
  const probe = async ({ names }: Feed): Promise<void> => {
    const name = `${names.trackingPrefix}${randomBytes(12).toString("base64url")}}:probe`;
    const received = new Promise<void>((resolve) => probes.set(name, resolve));
    try {
      await inTime(client.set(name, "1", "PX", 1_000));
      await inTime(received);
    } finally {
      probes.delete(name);
    }
  };
  const verify = (feed: Feed): void => {
    // A subscribed connection accepts no CLIENT TRACKING: a new prefix needs a new connection.
    if (!tracked.has(feed.names.trackingPrefix)) return connection?.disconnect(true);
    const ownEpoch = epoch;
    const isCurrent = () => ownEpoch === epoch && feeds.has(feed);
    probe(feed).then(
      () => {
        if (!isCurrent()) return;
        retry.nextMs = RETRY_MS.first;
        setState(feed, { kind: "connected" });
      },
      (error: unknown) => {
        if (!isCurrent()) return;
        setState(feed, { kind: "disconnected", reason: reasonOf(error) });
        retryLater();
      },
    );
  };
  const onInvalidation = (_channel: unknown, changed: unknown): void => {
    // FLUSHALL and FLUSHDB send null instead of keys.
    if (!Array.isArray(changed)) {
      for (const { listener } of feeds) listener.anyChanged();
      return;
    }
    for (const name of changed.map(String)) {
      probes.get(name)?.();
      for (const { names, listener } of feeds) {
        const key = names.keyOfSession(name);
        if (key !== undefined) listener.changed(key);
      }
    }
  };
  const ping = (nowMs: number): void => {
    pingedAtMs = nowMs;
    const ownEpoch = epoch;
    connection?.ping().then(
      () => {
        if (ownEpoch === epoch) freshAtMs = Math.max(freshAtMs, nowMs);
      },
      // The connection is closing: "close" follows.
      () => undefined,
    );
  };
  const reconnect = (): void => {
    onClose();
    // The command connection may have failed over to another server: follow it.
    if (connection?.status === "ready") connection.disconnect(true);
  };
  const open = (): void => {
    connection = connectForInvalidations(options);
    connection.on("ready", startTracking);
    connection.on("close", onClose);
    connection.on("error", () => undefined);
    connection.on("messageBuffer", onInvalidation);
    client.on("ready", startTracking);
    client.on("close", reconnect);
  };
  const close = (): void => {
    clearTimeout(retry.timer);
    retry = { nextMs: RETRY_MS.first };
    client.off("ready", startTracking).off("close", reconnect);
    connection?.off("close", onClose);
    connection?.disconnect();
    connection = undefined;
    onClose();
  };

  return {
    subscribe(names, listener) {
      const feed: Feed = { names, listener, state: CONNECTING };
      feeds.add(feed);
      if (connection === undefined) open();
      // Otherwise it is verified once tracking is enabled.
      else if (tracked.size > 0) verify(feed);
      return {
        isConnected: () => feed.state.kind === "connected",
        isFresh() {
          if (feed.state.kind !== "connected") return false;
          const nowMs = performance.now();
          if (nowMs - pingedAtMs >= PING_EVERY_MS) ping(nowMs);
          return nowMs - freshAtMs < MAX_STALENESS_MS;
        },
        state: () => feed.state,
        close() {
          if (feeds.delete(feed) && feeds.size === 0) close();
        },
      };
    },
  };
}

type TrackingOptions = {
  connection: Redis;
  client: Redis;
  prefixes: readonly string[];
  inTime: <T>(work: Promise<T>) => Promise<T>;
};

async function enableTracking({ connection, client, prefixes, inTime }: TrackingOptions): Promise<void> {
  const id = String(await inTime(connection.client("ID")));
  const tracking = prefixes.flatMap((prefix) => ["PREFIX", prefix]);
  await inTime(connection.call("CLIENT", "TRACKING", "ON", "REDIRECT", id, "BCAST", ...tracking));
  const [here, there] = await inTime(Promise.all([runIdOf(connection), runIdOf(client)]));
  if (here === undefined || here !== there) throw new DifferentServerError();
  await inTime(connection.subscribe(CHANNEL));
}

class DifferentServerError extends Error {
  override readonly name = "DifferentServerError";
}

async function runIdOf(client: Redis): Promise<string | undefined> {
  return /^run_id:(\S+)/m.exec(await client.info("server"))?.[1];
}

function reasonOf(error: unknown): string {
  if (error instanceof DifferentServerError) return "REDIS_URL leads to more than one server";
  const [word] = error instanceof Error ? error.message.split(" ", 1) : [];
  if (word === "NOPERM")
    return "the user of REDIS_URL lacks permissions for invalidations: allow client|id, client|tracking, subscribe, ping and the channel __redis__:invalidate";
  return word === "ERR"
    ? "the server of REDIS_URL does not support invalidations: use Redis 6 or newer"
    : "the server of REDIS_URL did not send an invalidation in time";
}

function unsupportedFeed(listener: InvalidationListener): InvalidationFeed {
  listener.onState(UNSUPPORTED);
  return { isConnected: () => false, isFresh: () => false, state: () => UNSUPPORTED, close: () => undefined };
}
