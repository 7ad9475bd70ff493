// Connections that stay open are told once when their session ends, whichever instance ends it and whatever Redis does.
import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createMemoryStore } from "../../src/store/memory-store.ts";
import { createRedisStore } from "../../src/store/redis/redis-store.ts";
import { createLiveConnections, type LiveConnections } from "../../src/session/live/live-connections.ts";
import type { EndReason, SessionLimits, Store } from "../../src/store/store.ts";
import { startCluster } from "@cloakroom/testkit/single-node-cluster.ts";
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

/** A connection of that session, and what it was told. */
function connection(live: LiveConnections, key: string) {
  const told: EndReason[] = [];
  const remove = live.add(key, (reason) => told.push(reason));
  return { told, remove };
}

/** Ends a session in one step with cutting off whoever listens, before it can hear. */
async function cutListeners(url: string, key: string): Promise<void> {
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

describe("a connection that stays open", () => {
  it("is told on every instance, once, why its session ended; those of other sessions are not", async () => {
    const [here, there] = [await instance(), await instance()];
    const [key, other] = [newKey(), newKey()];
    await here.store.create(record(key));
    await here.store.create(record(other));
    const connections = [here.live, here.live, there.live].map((live) => connection(live, key));
    const untouched = connection(there.live, other);
    await here.store.end(key, "logout");
    await there.store.end(key, "revoked");
    await expect.poll(() => connections.map(({ told }) => told)).toEqual([["logout"], ["logout"], ["logout"]]);
    expect(untouched.told).toEqual([]);
    expect([here.live.count(), there.live.count()]).toEqual([0, 1]);
  });

  it("is told although its session ended between its authorization and its registration", async () => {
    const { store, live } = await instance();
    const key = newKey();
    await store.create(record(key));
    await store.end(key, "provider_logout");
    const { told } = connection(live, key);
    await expect.poll(() => told).toEqual(["provider_logout"]);
  });

  it("is told when its session runs out, not while something else slides it", async () => {
    const { store, live } = await instance();
    const key = newKey();
    const idleMs = 2_000;
    await store.create({ ...record(key), idleMs });
    const { told } = connection(live, key);
    const startedAtMs = performance.now();
    await expect
      .poll(() => store.slide(key).then(() => performance.now() - startedAtMs), { interval: 100, timeout: 5_000 })
      .toBeGreaterThan(idleMs + 300);
    expect(told).toEqual([]);
    await expect.poll(() => told, { timeout: 5_000 }).toEqual(["expired"]);
  });

  it("is told when its session reaches the absolute limit, however much it is used", async () => {
    const { store, live } = await instance();
    const key = newKey();
    await store.create({ ...record(key), maxMs: 300 });
    const { told } = connection(live, key);
    await expect
      .poll(async () => {
        await store.slide(key);
        return told;
      })
      .toEqual(["expired"]);
  });

  it("is not told what it left before", async () => {
    const { store, live } = await instance();
    const key = newKey();
    await store.create(record(key));
    const [gone, stays] = [connection(live, key), connection(live, key)];
    gone.remove();
    gone.remove();
    await store.end(key, "logout");
    await expect.poll(() => stays.told).toEqual(["logout"]);
    expect(gone.told).toEqual([]);
  });

  it("is told although another one fails at it", async () => {
    const { store, live } = await instance();
    const key = newKey();
    await store.create(record(key));
    live.add(key, () => {
      throw new Error("a broken connection");
    });
    const { told } = connection(live, key);
    await store.end(key, "logout");
    await expect.poll(() => told).toEqual(["logout"]);
  });

  it("hears its limits soon after it was added", async () => {
    const { store, live } = await instance();
    const key = newKey();
    await store.create(record(key));
    connection(live, key);
    const heard: SessionLimits[] = [];
    live.add(
      key,
      () => undefined,
      (limits) => heard.push(limits),
    );
    await expect.poll(() => heard.length).toBeGreaterThan(0);
    expect(heard[0]!.expiresInMs).toBeGreaterThan(100_000);
  });

  it("works the same over the in-process store", async () => {
    const store = createMemoryStore();
    const live = createLiveConnections({ store, log: silentLog });
    const [key, idle] = [newKey(), newKey()];
    await store.create(record(key));
    await store.create({ ...record(idle), idleMs: 50 });
    const [ended, ranOut] = [connection(live, key), connection(live, idle)];
    await store.end(key, "logout");
    await expect.poll(() => [ended.told, ranOut.told]).toEqual([["logout"], ["expired"]]);
    live.close();
    await store.close();
  });
});

describe("while Redis is away", () => {
  it("no connection is ended, and after a restart those are told whose session ended meanwhile (I5, I8)", async () => {
    const own = await startRedis();
    const [here, there] = [await instance(own.url), await instance(own.url)];
    const keys = [newKey(), newKey()];
    for (const key of keys) await here.store.create(record(key));
    const [ends, stays] = keys.map((key) => connection(there.live, key));
    await own.kill();
    await expect(here.store.end(keys[0]!, "logout")).rejects.toMatchObject({ code: "store_unavailable" });
    expect([ends!.told, stays!.told]).toEqual([[], []]);
    await own.start();
    await expect.poll(() => here.store.end(keys[0]!, "logout").then(() => "ended", String)).toBe("ended");
    await expect.poll(() => ends!.told, { timeout: 5_000 }).toEqual(["logout"]);
    expect(stays!.told).toEqual([]);
    await own.stop();
  });

  it("an end that was told while the listening connection was cut is found when it is back", async () => {
    const { store, live } = await instance();
    const keys = [newKey(), newKey()];
    for (const key of keys) await store.create(record(key));
    const [first, second] = keys.map((key) => connection(live, key));
    await store.end(keys[0]!, "logout");
    await expect.poll(() => first!.told).toEqual(["logout"]);
    await cutListeners(redis.url, keys[1]!);
    await expect.poll(() => second!.told, { timeout: 3_000 }).toEqual(["revoked"]);
  });

  it("an end that nothing told of is found once Redis can be asked again, whichever connection is back first (I8)", async () => {
    const store = createRedisStore({ application: testApplication, url: redis.url, timeoutMs: 300 });
    await new Promise((ready) => store.client.once("ready", ready));
    let lookedInVain = 0;
    const limitsOf: Store["limitsOf"] = (key) =>
      store.limitsOf(key).catch((error: unknown) => {
        lookedInVain++;
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
    const [warning, told] = [connection(live, first).told, connection(live, second).told];
    await other.end(first, "logout");
    await expect.poll(() => warning).toEqual(["logout"]);
    store.client.disconnect();
    await cutListeners(redis.url, second);
    await expect.poll(() => lookedInVain, { timeout: 3_000 }).toBeGreaterThan(0);
    expect(told).toEqual([]);
    await store.client.connect();
    // Sooner than a look that failed is repeated by itself.
    await expect.poll(() => told, { timeout: 2_000 }).toEqual(["revoked"]);
  });

  it("a Redis that stops answering is noticed by the listening connection, and nothing is ended", async () => {
    const own = await startRedis();
    const { store, live } = await instance(own.url);
    const key = newKey();
    await store.create(record(key));
    const { told } = connection(live, key);
    own.pause();
    await expect(store.read(key)).rejects.toMatchObject({ code: "store_unavailable" });
    expect(told).toEqual([]);
    own.resume();
    await expect.poll(() => store.end(key, "logout").then(() => "ended", String), { timeout: 5_000 }).toBe("ended");
    await expect.poll(() => told, { timeout: 10_000 }).toEqual(["logout"]);
    await own.stop();
  });
});

describe("a Redis Cluster", () => {
  it("tells of an end on whatever node it happens, also after the node that was listened to is gone", async () => {
    const cluster = await startCluster(3);
    const [here, there] = [await instance(cluster.url), await instance(cluster.url)];
    const keys = Array.from({ length: 12 }, newKey);
    // Its second connection may be ready a moment later.
    for (const key of keys)
      await expect
        .poll(() => here.store.create(record(key)).then(() => "created", String), { timeout: 10_000 })
        .toBe("created");
    const connections = keys.map((key) => connection(there.live, key));
    for (const key of keys.slice(0, 6)) await here.store.end(key, "logout");
    await expect.poll(() => connections.map(({ told }) => told.length)).toEqual([1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
    // The first node is the one that is listened to first.
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
      .poll(() => connections.slice(6).map(({ told }) => told.length === 1), { timeout: 5_000 })
      .toEqual(ended);
    await cluster.stop();
  });
});
