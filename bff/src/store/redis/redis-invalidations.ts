// Cache invalidation by Redis client-side caching (CLIENT TRACKING, BCAST mode) on a connection of its own, with PINGs on
// the same connection that prove that no invalidation is missing.
import { randomBytes } from "node:crypto";
import { Cluster, type Redis } from "ioredis";
import { createDeadline } from "../deadline.ts";
import { connectForInvalidations, type ConnectionOptions, type RedisClient } from "./redis-connection.ts";
import type { RedisNames } from "./redis-names.ts";
import { MAX_STALENESS_MS, type InvalidationFeed, type InvalidationListener, type FeedState } from "../store.ts";

type InvalidationOptions = ConnectionOptions & {
  /** The connection of all other commands. Invalidations must come from the same server. */
  client: RedisClient;
  names: Pick<RedisNames, "keyOfSession" | "trackingPrefix">;
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
export function subscribeRedisInvalidations(
  options: InvalidationOptions,
  listener: InvalidationListener,
): InvalidationFeed {
  const { client, names } = options;
  if (client instanceof Cluster) return unsupportedFeed(listener);
  const connection = connectForInvalidations(options);
  const inTime = createDeadline(options.timeoutMs);
  let state = CONNECTING;
  let freshAtMs = -Infinity;
  let pingedAtMs = -Infinity;
  /** Incremented with every connection; results of earlier ones are ignored. */
  let epoch = 0;
  let retry: { timer?: NodeJS.Timeout; nextMs: number } = { nextMs: RETRY_MS.first };
  let probe: { name: string; resolve: () => void } | undefined;

  const setState = (next: FeedState): void => {
    state = next;
    listener.onState(next);
  };
  const onClose = (): void => {
    epoch += 1;
    freshAtMs = -Infinity;
    listener.anyChanged();
    if (state.kind === "connected") setState(CONNECTING);
  };
  const startTracking = (): void => {
    if (client.status !== "ready" || connection.status !== "ready") return;
    const ownEpoch = (epoch += 1);
    enableTracking({ connection, client, prefix: names.trackingPrefix, inTime, expectProbe }).then(
      () => {
        if (ownEpoch !== epoch) return;
        retry = { nextMs: RETRY_MS.first };
        setState({ kind: "connected" });
      },
      (error: unknown) => {
        if (ownEpoch !== epoch) return;
        setState({ kind: "disconnected", reason: reasonOf(error) });
        const timer = setTimeout(() => connection.disconnect(true), retry.nextMs).unref();
        retry = { timer, nextMs: Math.min(retry.nextMs * 2, RETRY_MS.longest) };
      },
    );
  };
  const expectProbe = (name: string) => new Promise<void>((resolve) => (probe = { name, resolve }));
  const onInvalidation = (_channel: unknown, changed: unknown): void => {
    // FLUSHALL and FLUSHDB send null instead of keys.
    if (!Array.isArray(changed)) return listener.anyChanged();
    for (const name of changed.map(String)) {
      if (name === probe?.name) probe.resolve();
      const key = names.keyOfSession(name);
      if (key !== undefined) listener.changed(key);
    }
  };
  const ping = (nowMs: number): void => {
    pingedAtMs = nowMs;
    const ownEpoch = epoch;
    connection.ping().then(
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
    if (connection.status === "ready") connection.disconnect(true);
  };

  connection.on("ready", startTracking);
  connection.on("close", onClose);
  connection.on("error", () => undefined);
  connection.on("messageBuffer", onInvalidation);
  client.on("ready", startTracking);
  client.on("close", reconnect);

  return {
    isConnected: () => state.kind === "connected",
    isFresh() {
      if (state.kind !== "connected") return false;
      const nowMs = performance.now();
      if (nowMs - pingedAtMs >= PING_EVERY_MS) ping(nowMs);
      return nowMs - freshAtMs < MAX_STALENESS_MS;
    },
    state: () => state,
    close() {
      clearTimeout(retry.timer);
      client.off("ready", startTracking).off("close", reconnect);
      connection.off("close", onClose);
      connection.disconnect();
    },
  };
}

type TrackingOptions = {
  connection: Redis;
  client: Redis;
  prefix: string;
  inTime: <T>(work: Promise<T>) => Promise<T>;
  expectProbe: (name: string) => Promise<void>;
};

/** Enables tracking and verifies it end to end: a write on the command connection must arrive as an invalidation. */
async function enableTracking({ connection, client, prefix, inTime, expectProbe }: TrackingOptions): Promise<void> {
  const id = String(await inTime(connection.client("ID")));
  await inTime(connection.call("CLIENT", "TRACKING", "ON", "REDIRECT", id, "BCAST", "PREFIX", prefix));
  const [here, there] = await inTime(Promise.all([runIdOf(connection), runIdOf(client)]));
  if (here === undefined || here !== there) throw new DifferentServerError();
  await inTime(connection.subscribe(CHANNEL));
  const probeName = `${prefix}${randomBytes(12).toString("base64url")}}:probe`;
  const received = expectProbe(probeName);
  await inTime(client.set(probeName, "1", "PX", 1_000));
  await inTime(received);
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
