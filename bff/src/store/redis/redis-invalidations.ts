// What Redis tells about session records that change: client-side-caching notifications over a connection of their
// own, and the proof, over that same connection, that none of them is missing.
import { randomBytes } from "node:crypto";
import { Cluster, type Redis } from "ioredis";
import { createDeadline } from "../deadline.ts";
import { connectForNotifications, type ConnectionOptions, type RedisClient } from "./redis-connection.ts";
import type { RedisNames } from "./redis-names.ts";
import { MAX_STALENESS_MS, type ChangeFeed, type ChangeListener, type FeedState } from "../store.ts";

type Parts = ConnectionOptions & {
  /** The connection that everything else goes over. What it talks to is what must be heard. */
  client: RedisClient;
  names: Pick<RedisNames, "keyOfSession" | "trackingPrefix">;
};

const CHANNEL = "__redis__:invalidate";
/** Several times within the bound: one late answer is no reason to do without the cache. */
const ASK_EVERY_MS = MAX_STALENESS_MS / 5;
const RETRY_MS = { first: 500, longest: 30_000 };

const CONNECTING: FeedState = { kind: "silent", reason: "the connection that tells of changes is not there" };
const IMPOSSIBLE: FeedState = {
  kind: "impossible",
  reason: "REDIS_URL names a Cluster, whose nodes tell of changes each on its own",
};

/**
 * The connection speaks RESP2, for ioredis drops the pushes of RESP3, and redirects the notifications to itself: so
 * notifications and proof cannot be lost one without the other, and no second connection has to live for them.
 * A PING that was sent after a change was acknowledged is answered after its notification.
 */
export function subscribeRedisInvalidations(parts: Parts, listener: ChangeListener): ChangeFeed {
  const { client, names } = parts;
  if (client instanceof Cluster) return deaf(listener);
  const connection = connectForNotifications(parts);
  const inTime = createDeadline(parts.timeoutMs);
  let state = CONNECTING;
  let provenMs = -Infinity;
  let askedMs = -Infinity;
  /** Counts lives of the connection: what belongs to an earlier one means nothing. */
  let life = 0;
  let retry: { timer?: NodeJS.Timeout; nextMs: number } = { nextMs: RETRY_MS.first };
  let probe: { name: string; heard: () => void } | undefined;

  const become = (next: FeedState): void => {
    state = next;
    listener.onState(next);
  };
  const lose = (): void => {
    life += 1;
    provenMs = -Infinity;
    listener.anyChanged();
    if (state.kind === "hearing") become(CONNECTING);
  };
  const begin = (): void => {
    if (client.status !== "ready" || connection.status !== "ready") return;
    const mine = (life += 1);
    setUp({ connection, client, prefix: names.trackingPrefix, inTime, expectProbe }).then(
      () => {
        if (mine !== life) return;
        retry = { nextMs: RETRY_MS.first };
        become({ kind: "hearing" });
      },
      (error: unknown) => {
        if (mine !== life) return;
        become({ kind: "silent", reason: reasonOf(error) });
        const timer = setTimeout(() => connection.disconnect(true), retry.nextMs).unref();
        retry = { timer, nextMs: Math.min(retry.nextMs * 2, RETRY_MS.longest) };
      },
    );
  };
  const expectProbe = (name: string) => new Promise<void>((heard) => (probe = { name, heard }));
  const hear = (_channel: unknown, changed: unknown): void => {
    // FLUSHALL and FLUSHDB name no key.
    if (!Array.isArray(changed)) return listener.anyChanged();
    for (const name of changed.map(String)) {
      if (name === probe?.name) probe.heard();
      const key = names.keyOfSession(name);
      if (key !== undefined) listener.changed(key);
    }
  };
  const ask = (nowMs: number): void => {
    askedMs = nowMs;
    const mine = life;
    connection.ping().then(
      () => {
        if (mine === life) provenMs = Math.max(provenMs, nowMs);
      },
      // The connection is being given up: "close" follows.
      () => undefined,
    );
  };
  const reconnect = (): void => {
    lose();
    // To the same server as the other connection: after a failover that is another one.
    if (connection.status === "ready") connection.disconnect(true);
  };

  connection.on("ready", begin);
  connection.on("close", lose);
  connection.on("error", () => undefined);
  connection.on("messageBuffer", hear);
  client.on("ready", begin);
  client.on("close", reconnect);

  return {
    isConnected: () => state.kind === "hearing",
    isFresh() {
      if (state.kind !== "hearing") return false;
      const nowMs = performance.now();
      if (nowMs - askedMs >= ASK_EVERY_MS) ask(nowMs);
      return nowMs - provenMs < MAX_STALENESS_MS;
    },
    state: () => state,
    close() {
      clearTimeout(retry.timer);
      client.off("ready", begin).off("close", reconnect);
      connection.off("close", lose);
      connection.disconnect();
    },
  };
}

type SetUp = {
  connection: Redis;
  client: Redis;
  prefix: string;
  inTime: <T>(work: Promise<T>) => Promise<T>;
  expectProbe: (name: string) => Promise<void>;
};

/** Nothing is believed that was not seen: at the end a change made over the other connection has to be told of. */
async function setUp({ connection, client, prefix, inTime, expectProbe }: SetUp): Promise<void> {
  const id = String(await inTime(connection.client("ID")));
  await inTime(connection.call("CLIENT", "TRACKING", "ON", "REDIRECT", id, "BCAST", "PREFIX", prefix));
  const [here, there] = await inTime(Promise.all([runIdOf(connection), runIdOf(client)]));
  if (here === undefined || here !== there) throw new OtherServer();
  await inTime(connection.subscribe(CHANNEL));
  const probeName = `${prefix}${randomBytes(12).toString("base64url")}}:probe`;
  const heard = expectProbe(probeName);
  await inTime(client.set(probeName, "1", "PX", 1_000));
  await inTime(heard);
}

class OtherServer extends Error {
  override readonly name = "OtherServer";
}

async function runIdOf(client: Redis): Promise<string | undefined> {
  return /^run_id:(\S+)/m.exec(await client.info("server"))?.[1];
}

function reasonOf(error: unknown): string {
  if (error instanceof OtherServer) return "REDIS_URL leads to more than one server";
  const [word] = error instanceof Error ? error.message.split(" ", 1) : [];
  if (word === "NOPERM")
    return "the user of REDIS_URL may not hear of changes: allow it client|id, client|tracking, subscribe, ping and the channel __redis__:invalidate";
  return word === "ERR"
    ? "the server of REDIS_URL cannot tell of changes: that takes Redis 6 or newer"
    : "the server of REDIS_URL did not tell of a change in time";
}

function deaf(listener: ChangeListener): ChangeFeed {
  listener.onState(IMPOSSIBLE);
  return { isConnected: () => false, isFresh: () => false, state: () => IMPOSSIBLE, close: () => undefined };
}
