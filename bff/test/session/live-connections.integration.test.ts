// Live connections: each is notified once when its session ends, on any instance and through failures of Redis.
import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createMemoryStore } from "../../src/store/memory-store.ts";
import { createRedisStore } from "../../src/store/redis/redis-store.ts";
import { createLiveConnections, type LiveConnections } from "../../src/session/live/live-connections.ts";
import type { EndReason, SessionLimits, Store } from "../../src/store/store.ts";
import { startCluster } from "@cloakroom/testkit/test-cluster.ts";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";
import { silentLog, testApplication } from "@cloakroom/testkit/stored-session.ts";

const newKey = () => randomBytes(32).toString("base64url");
const record = (key: string) => ({ key, session: '{"n":1}', tokens: "sealed-1", idleMs: 60_000, maxMs: 120_000 });
const opened: (() => unknown)[] = [];

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterEach(async () => {
  for (const close of opened.splice(0)) await close();
});
afterAll(() => redis.stop());

async function instance(url = redis.url): Promise<{ store: Store; live: LiveConnections }> {
  const store = createRedisStore({ application: testApplication, url, timeoutMs: 300 });
  await new Promise((ready) => store.client.once("ready", ready));
  const live = createLiveConnections({ store, log: silentLog });
  opened.push(
    () => live.close(),
    () => store.close(),
  );
  return { store, live };
}

/** A connection of the session, and the reasons that it was notified of. */
function connection(live: LiveConnections, key: string) {
  const reasons: EndReason[] = [];
  const remove = live.add(key, (reason) => reasons.push(reason));
  return { reasons, remove };
}

/** Disconnects all subscribers and ends the session in one step, so that no subscriber receives the message. */
async function cutSubscribers(url: string, key: string): Promise<void> {
  const admin = createRedisStore({ application: testApplication, url, timeoutMs: 1_000 });
  await new Promise((ready) => admin.client.once("ready", ready));
  opened.push(() => admin.close());
  await admin.client
    .multi()
    .call("CLIENT", "KILL", "TYPE", "pubsub")
    .eval(
      "redis.call('SET', KEYS[2], 'revoked', 'PX', 60000) return redis.call('DEL', KEYS[1])",
      2,
      `cloakroom:test:{${key}}:session`,
      `cloakroom:test:{${key}}:ended`,
    )
    .exec();
}

describe("live connection", () => {
  it("a live connection is notified once on every instance when its session ends; connections of other sessions are not", async () => {
    const [here, there] = [await instance(), await instance()];
    const [key, other] = [newKey(), newKey()];
    await here.store.create(record(key));
    await here.store.create(record(other));
    const connections = [here.live, here.live, there.live].map((live) => connection(live, key));
    const untouched = connection(there.live, other);
    await here.store.end(key, "logout");
    await there.store.end(key, "revoked");
    await expect.poll(() => connections.map(({ reasons }) => reasons)).toEqual([["logout"], ["logout"], ["logout"]]);
    expect(untouched.reasons).toEqual([]);
    expect([here.live.count(), there.live.count()]).toEqual([0, 1]);
  });

  it("a live connection is notified if its session ended between authorization and registration", async () => {
    const { store, live } = await instance();
    const key = newKey();
    await store.create(record(key));
    await store.end(key, "provider_logout");
    const { reasons } = connection(live, key);
    await expect.poll(() => reasons).toEqual(["provider_logout"]);
  });

  it("a live connection is notified when its session expires, not while another request slides it", async () => {
    const { store, live } = await instance();
    const key = newKey();
    const idleMs = 2_000;
    await store.create({ ...record(key), idleMs });
    const { reasons } = connection(live, key);
    const startedAtMs = performance.now();
    await expect
      .poll(() => store.slide(key).then(() => performance.now() - startedAtMs), { interval: 100, timeout: 5_000 })
      .toBeGreaterThan(idleMs + 300);
    expect(reasons).toEqual([]);
    await expect.poll(() => reasons, { timeout: 5_000 }).toEqual(["expired"]);
  });

  it("a live connection is notified when its session reaches the absolute limit although it is used", async () => {
    const { store, live } = await instance();
    const key = newKey();
    await store.create({ ...record(key), maxMs: 300 });
    const { reasons } = connection(live, key);
    await expect
      .poll(async () => {
        await store.slide(key);
        return reasons;
      })
      .toEqual(["expired"]);
  });

  it("a live connection is not notified after it was removed", async () => {
    const { store, live } = await instance();
    const key = newKey();
    await store.create(record(key));
    const [gone, stays] = [connection(live, key), connection(live, key)];
    gone.remove();
    gone.remove();
    await store.end(key, "logout");
    await expect.poll(() => stays.reasons).toEqual(["logout"]);
    expect(gone.reasons).toEqual([]);
  });

  it("a live connection is notified although the callback of another connection throws", async () => {
    const { store, live } = await instance();
    const key = newKey();
    await store.create(record(key));
    live.add(key, () => {
      throw new Error("a broken connection");
    });
    const { reasons } = connection(live, key);
    await store.end(key, "logout");
    await expect.poll(() => reasons).toEqual(["logout"]);
  });

  it("a live connection receives its limits after it was added", async () => {
    const { store, live } = await instance();
    const key = newKey();
    await store.create(record(key));
    connection(live, key);
    const received: SessionLimits[] = [];
    live.add(
      key,
      () => undefined,
      (limits) => received.push(limits),
    );
    await expect.poll(() => received.length).toBeGreaterThan(0);
    expect(received[0]!.expiresInMs).toBeGreaterThan(100_000);
  });

  it("a live connection is notified with the memory store", async () => {
    const store = createMemoryStore();
    const live = createLiveConnections({ store, log: silentLog });
    const [key, idle] = [newKey(), newKey()];
    await store.create(record(key));
    await store.create({ ...record(idle), idleMs: 50 });
    const [ended, ranOut] = [connection(live, key), connection(live, idle)];
    await store.end(key, "logout");
    await expect.poll(() => [ended.reasons, ranOut.reasons]).toEqual([["logout"], ["expired"]]);
    live.close();
    await store.close();
  });
});

describe("while Redis is unavailable", () => {
  it("no connection is ended, and after a restart those of ended sessions are notified (I5, I8)", async () => {
    const own = await startRedis();
    const [here, there] = [await instance(own.url), await instance(own.url)];
    const keys = [newKey(), newKey()];
    for (const key of keys) await here.store.create(record(key));
    const [ends, stays] = keys.map((key) => connection(there.live, key));
    await own.kill();
    await expect(here.store.end(keys[0]!, "logout")).rejects.toMatchObject({ code: "store_unavailable" });
    expect([ends!.reasons, stays!.reasons]).toEqual([[], []]);
    await own.start();
    await expect.poll(() => here.store.end(keys[0]!, "logout").then(() => "ended", String)).toBe("ended");
    await expect.poll(() => ends!.reasons, { timeout: 5_000 }).toEqual(["logout"]);
    expect(stays!.reasons).toEqual([]);
    await own.stop();
  });

  it("an end published while the subscriber was disconnected is found after its reconnection", async () => {
    const { store, live } = await instance();
    const keys = [newKey(), newKey()];
    for (const key of keys) await store.create(record(key));
    const [first, second] = keys.map((key) => connection(live, key));
    await store.end(keys[0]!, "logout");
    await expect.poll(() => first!.reasons).toEqual(["logout"]);
    await cutSubscribers(redis.url, keys[1]!);
    await expect.poll(() => second!.reasons, { timeout: 3_000 }).toEqual(["revoked"]);
  });

  it("an end without a message is found when Redis is back, whichever connection reconnects first (I8)", async () => {
    const store = createRedisStore({ application: testApplication, url: redis.url, timeoutMs: 300 });
    await new Promise((ready) => store.client.once("ready", ready));
    let failedChecks = 0;
    const limitsOf: Store["limitsOf"] = (key) =>
      store.limitsOf(key).catch((error: unknown) => {
        failedChecks++;
        throw error;
      });
    const live = createLiveConnections({ store: { ...store, limitsOf }, log: silentLog });
    const { store: other } = await instance();
    opened.push(
      () => live.close(),
      () => store.close(),
    );
    const [first, second] = [newKey(), newKey()];
    for (const key of [first, second]) await other.create(record(key));
    const [warning, reasons] = [connection(live, first).reasons, connection(live, second).reasons];
    await other.end(first, "logout");
    await expect.poll(() => warning).toEqual(["logout"]);
    store.client.disconnect();
    await cutSubscribers(redis.url, second);
    await expect.poll(() => failedChecks, { timeout: 3_000 }).toBeGreaterThan(0);
    expect(reasons).toEqual([]);
    await store.client.connect();
    // Before the scheduled repetition of a failed check.
    await expect.poll(() => reasons, { timeout: 2_000 }).toEqual(["revoked"]);
  });

  it("the subscriber detects a Redis that does not respond, and no connection is ended", async () => {
    const own = await startRedis();
    const { store, live } = await instance(own.url);
    const key = newKey();
    await store.create(record(key));
    const { reasons } = connection(live, key);
    own.pause();
    await expect(store.read(key)).rejects.toMatchObject({ code: "store_unavailable" });
    expect(reasons).toEqual([]);
    own.resume();
    await expect.poll(() => store.end(key, "logout").then(() => "ended", String), { timeout: 5_000 }).toBe("ended");
    await expect.poll(() => reasons, { timeout: 10_000 }).toEqual(["logout"]);
    await own.stop();
  });
});

describe("live connections on a Redis Cluster", () => {
  it("live connections on a Redis Cluster receive ends from every node, also after the subscribed node has failed", async () => {
    const cluster = await startCluster(3);
    const [here, there] = [await instance(cluster.url), await instance(cluster.url)];
    const keys = Array.from({ length: 12 }, newKey);
    // The second connection may be ready a moment later.
    for (const key of keys)
      await expect
        .poll(() => here.store.create(record(key)).then(() => "created", String), { timeout: 10_000 })
        .toBe("created");
    const connections = keys.map((key) => connection(there.live, key));
    for (const key of keys.slice(0, 6)) await here.store.end(key, "logout");
    await expect
      .poll(() => connections.map(({ reasons }) => reasons.length))
      .toEqual([1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
    // The subscriber connects to the first node first.
    await cluster.nodes[0]!.kill();
    const ended = await Promise.all(
      keys.slice(6).map((key) =>
        here.store.end(key, "logout").then(
          () => true,
          () => false,
        ),
      ),
    );
    await expect
      .poll(() => connections.slice(6).map(({ reasons }) => reasons.length === 1), { timeout: 5_000 })
      .toEqual(ended);
    await cluster.stop();
  });
});
