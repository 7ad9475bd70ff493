// Session cache: changes by other instances are visible within the bound, also if the invalidation connection fails.
import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startFaultProxy } from "@cloakroom/testkit/fault-proxy.ts";
import { startSentinelRedis } from "@cloakroom/testkit/redis-sentinel.ts";
import { createRedisInvalidations } from "../../src/store/redis/redis-invalidations.ts";
import { connectRedis } from "../../src/store/redis/redis-connection.ts";
import { createRedisNames } from "../../src/store/redis/redis-names.ts";
import { createRedisStore } from "../../src/store/redis/redis-store.ts";
import { createSessionCache, type CacheOutcome, type SessionCache } from "../../src/store/session-cache.ts";
import { createSessions } from "../../src/session/sessions.ts";
import { MAX_STALENESS_MS, type Store } from "../../src/store/store.ts";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";
import { silentLog, testApplication } from "@cloakroom/testkit/stored-session.ts";

let redis: TestRedis;
let elsewhere: ReturnType<typeof createRedisStore>;
const closers: (() => unknown)[] = [];

beforeAll(async () => {
  redis = await startRedis();
  elsewhere = await openStore(redis.url);
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
afterAll(async () => {
  await elsewhere.close();
  await redis.stop();
});

async function openStore(url: string, timeoutMs = 1_000) {
  const store = createRedisStore({ application: testApplication, url, timeoutMs });
  await new Promise((ready) => store.client.once("ready", ready));
  return store;
}

type Instance = SessionCache & { outcomes: CacheOutcome[]; changes: number; moveClockMs: number };

/** Another instance: a connection, a cache, and what it counted. */
async function openInstance(
  change: (store: Awaited<ReturnType<typeof openStore>>) => Store = (store) => store,
  url: string = redis.url,
) {
  const store = await openStore(url, 300);
  closers.push(() => store.close());
  const counted = { outcomes: [] as CacheOutcome[], changes: 0, moveClockMs: 0 };
  const cache = createSessionCache({
    store: change(store),
    log: silentLog,
    maxAgeMs: 30_000,
    monotonicMs: () => performance.now() + counted.moveClockMs,
    metrics: {
      sessionRead: (outcome) => counted.outcomes.push(outcome),
      sessionChanged: () => (counted.changes += 1),
      sessionCacheWorks() {},
    },
  });
  const instance: Instance = Object.assign(counted, cache);
  return instance;
}

const hearing = (instance: Instance) =>
  expect.poll(() => instance.state()?.kind, { timeout: 10_000, interval: 5 }).toBe("connected");
const newKey = () => randomBytes(32).toString("base64url");
const names = createRedisNames(testApplication);

async function newSession(times: { idleMs?: number; maxMs?: number } = {}): Promise<string> {
  const key = newKey();
  await elsewhere.create({ key, session: '{"n":1}', tokens: "sealed-1", idleMs: 60_000, maxMs: 120_000, ...times });
  return key;
}

/** Reads until the cache serves the record: the proof of freshness needs a request and its reply. */
const cached = async (instance: Instance, key: string) => {
  await hearing(instance);
  const readOnce = async () => {
    expect(await instance.read(key)).toMatchObject({ tokens: expect.any(String) });
    return instance.outcomes.at(-1);
  };
  await expect.poll(readOnce, { interval: 2, timeout: 10_000 }).toBe("hit");
};

/** A feed that counts as fresh and delivers no invalidation. */
const withoutNews = (store: Store): Store => ({
  ...store,
  subscribeInvalidations: () => ({
    isConnected: () => true,
    isFresh: () => true,
    state: () => ({ kind: "connected" }),
    close() {},
  }),
});

describe("a cached session", () => {
  it("a cached session is read without a Redis command", async () => {
    const instance = await openInstance();
    const key = await newSession();
    await cached(instance, key);
    const first = await instance.read(key);
    expect(first).toEqual({ session: '{"n":1}', tokens: "sealed-1", tokenVersion: 1 });
    expect(await instance.read(key)).toBe(first);
  });

  it("a cached session is rejected by every instance within the bound after another instance ends it", async () => {
    const instances = [await openInstance(), await openInstance()];
    for (let round = 0; round < 20; round++) {
      const key = await newSession();
      await Promise.all(instances.map((instance) => cached(instance, key)));
      await elsewhere.end(key, "logout");
      const endedMs = performance.now();
      await Promise.all(
        instances.map(async (instance) => {
          let askedMs = performance.now();
          while ((await instance.read(key)) !== undefined) {
            expect(askedMs - endedMs).toBeLessThan(MAX_STALENESS_MS);
            await new Promise((turn) => setImmediate(turn));
            askedMs = performance.now();
          }
        }),
      );
    }
  });

  it("a cached session shows the tokens that another instance has renewed", async () => {
    const instance = await openInstance();
    const key = await newSession();
    await cached(instance, key);
    await elsewhere.claimRefresh(key, { owner: "them", tokenVersion: 1, leaseMs: 60_000, graceMs: 0 });
    await elsewhere.saveTokens(key, "them", "sealed-2");
    await expect.poll(async () => (await instance.read(key))?.tokens, { interval: 1 }).toBe("sealed-2");
    expect(await instance.read(key)).toMatchObject({ tokens: "sealed-2", tokenVersion: 2 });
  });

  it("a cached session is removed by its own instance when it ends, before the invalidation arrives, also for reads in flight", async () => {
    const instance = await openInstance(withoutNews);
    for (let round = 0; round < 20; round++) {
      const key = await newSession();
      await cached(instance, key);
      const inFlight = instance.read(key);
      const ended = instance.store.end(key, "logout");
      const meanwhile = instance.read(key);
      await ended;
      expect(await instance.read(key)).toBeUndefined();
      await Promise.all([inFlight, meanwhile]);
      expect(await instance.read(key)).toBeUndefined();
    }
  });

  it("a cached session shows the tokens renewed by its own instance before the invalidation arrives", async () => {
    const instance = await openInstance(withoutNews);
    const key = await newSession();
    await cached(instance, key);
    await instance.store.claimRefresh(key, { owner: "we", tokenVersion: 1, leaseMs: 60_000, graceMs: 0 });
    await instance.store.saveTokens(key, "we", "sealed-2");
    expect(await instance.read(key)).toMatchObject({ tokens: "sealed-2", tokenVersion: 2 });
  });

  it("a session is not cached if it changes while the read is in flight", async () => {
    let replied = Promise.resolve();
    const instance = await openInstance((store) => ({
      ...store,
      readWithTimes: async (key) => {
        const found = await store.readWithTimes(key);
        await replied;
        return found;
      },
    }));
    await hearing(instance);
    const key = await newSession();
    await expect.poll(() => instance.changes).toBeGreaterThan(0);
    const gate = Promise.withResolvers<void>();
    replied = gate.promise;
    const slow = instance.read(key);
    await elsewhere.client.ping();
    const before = instance.changes;
    await elsewhere.end(key, "logout");
    await expect.poll(() => instance.changes, { interval: 1 }).toBeGreaterThan(before);
    gate.resolve();
    await slow;
    expect(await instance.read(key)).toBeUndefined();
  });

  it("a cached session expires at its idle limit and at the maximum age, also without invalidations", async () => {
    const instance = await openInstance();
    const [key, short] = [await newSession(), await newSession({ idleMs: 20_000 })];
    await cached(instance, key);
    await cached(instance, short);
    instance.moveClockMs = 20_001;
    await instance.read(short);
    expect(instance.outcomes.at(-1)).toBe("miss");
    await cached(instance, key);
    instance.moveClockMs = 50_100;
    await instance.read(key);
    expect(instance.outcomes.at(-1)).toBe("miss");
  });

  it("a cached session is removed when Redis is flushed", async () => {
    const instance = await openInstance();
    const key = await newSession();
    await cached(instance, key);
    await elsewhere.client.flushall();
    await expect.poll(() => instance.read(key), { interval: 1 }).toBeUndefined();
  });
});

describe("after the loss of the invalidation connection", () => {
  /** Its own connection goes through a proxy, the commands do not. */
  async function throughProxy() {
    const proxy = await startFaultProxy(Number(new URL(redis.url).port));
    closers.push(() => proxy.stop());
    const instance = await openInstance((store) => ({
      ...store,
      subscribeInvalidations: (listener) => {
        const url = `redis://127.0.0.1:${proxy.port}`;
        const feed = createRedisInvalidations({ url, timeoutMs: 300, client: store.client }).subscribe(names, listener);
        closers.push(() => feed.close());
        return feed;
      },
    }));
    return { proxy, instance };
  }

  it.each(["killed by the server", "reset", "silent", "swallowed by a black hole"])(
    "after the invalidation connection is lost (%s) no read returns a record staler than the bound, and the cache recovers",
    async (how) => {
      const { proxy, instance } = await throughProxy();
      const [kept, ended, unread] = [await newSession(), await newSession(), await newSession()];
      for (const key of [kept, ended, unread]) await cached(instance, key);
      if (how === "killed by the server") await elsewhere.client.call("CLIENT", "KILL", "TYPE", "pubsub");
      if (how === "reset") proxy.reset();
      if (how === "silent") proxy.blackHoleOpenOnes();
      if (how === "swallowed by a black hole") proxy.blackHole();
      await elsewhere.end(ended, "logout");
      await elsewhere.end(unread, "logout");
      const endedMs = performance.now();
      for (let askedMs = endedMs; askedMs < endedMs + 3 * MAX_STALENESS_MS; askedMs = performance.now()) {
        const found = await instance.read(ended);
        if (askedMs - endedMs >= MAX_STALENESS_MS) expect(found).toBeUndefined();
        expect(await instance.read(kept)).toBeDefined();
      }
      proxy.clear();
      await cached(instance, kept);
      expect(await instance.read(ended)).toBeUndefined();
      // Reads during the loss would have removed its entry.
      expect(await instance.read(unread)).toBeUndefined();
    },
    20_000,
  );

  it("every read goes to the store once the loss is detected", async () => {
    const { proxy, instance } = await throughProxy();
    const key = await newSession();
    await cached(instance, key);
    proxy.blackHole();
    proxy.reset();
    await expect.poll(() => instance.state()?.kind, { interval: 1 }).toBe("disconnected");
    await instance.read(key);
    expect(instance.outcomes.at(-1)).toBe("bypass");
  });

  it("the cache is cleared when the command connection is lost, which may reconnect to another server", async () => {
    let client = elsewhere.client;
    const instance = await openInstance((store) => {
      client = store.client;
      return store;
    });
    const key = await newSession();
    await cached(instance, key);
    const closed = new Promise((close) => client.once("close", close));
    await elsewhere.client.call("CLIENT", "KILL", "ID", String(await client.call("CLIENT", "ID")));
    await closed;
    expect(instance.state()?.kind).toBe("disconnected");
    await cached(instance, key);
  });

  it("a frozen Redis gives store_unavailable within the bound and ends no session", async () => {
    const instance = await openInstance();
    const key = await newSession();
    await cached(instance, key);
    redis.pause();
    const frozenMs = performance.now();
    try {
      for (let askedMs = frozenMs; askedMs < frozenMs + 5 * MAX_STALENESS_MS; askedMs = performance.now()) {
        const found = await Promise.resolve(instance.read(key)).catch((error: { code: string }) => error.code);
        if (askedMs - frozenMs >= MAX_STALENESS_MS) expect(found).toBe("store_unavailable");
        else expect([expect.objectContaining({ tokens: "sealed-1" }), "store_unavailable"]).toContainEqual(found);
      }
    } finally {
      redis.resume();
    }
    await cached(instance, key);
  }, 20_000);
});

describe("a logout", () => {
  it.each(["a healthy connection", "a frozen connection"])(
    "a logout is acknowledged only after every instance rejects the session: %s",
    async (condition) => {
      const proxy = await startFaultProxy(Number(new URL(redis.url).port));
      closers.push(() => proxy.stop());
      const other = await openInstance((store) => ({
        ...store,
        subscribeInvalidations: (listener) => {
          const url = `redis://127.0.0.1:${proxy.port}`;
          const feed = createRedisInvalidations({ url, timeoutMs: 300, client: store.client }).subscribe(
            names,
            listener,
          );
          closers.push(() => feed.close());
          return feed;
        },
      }));
      const own = await openInstance();
      const limits = { sessionIdleMs: 60_000, sessionMaxMs: 60_000 };
      const { end } = createSessions({ ...own, log: silentLog, ...limits });
      const key = await newSession();
      await cached(other, key);
      let isAcknowledged = false;
      if (condition === "a frozen connection") proxy.blackHoleOpenOnes();
      const acknowledged = end(key, "logout").then(() => (isAcknowledged = true));
      let acceptedAfterwards = 0;
      for (let more = 100; more > 0; more -= isAcknowledged ? 1 : 0) {
        const wasAcknowledged = isAcknowledged;
        const found = await other.read(key);
        if (wasAcknowledged && found !== undefined) acceptedAfterwards += 1;
        await new Promise((turn) => setImmediate(turn));
      }
      await acknowledged;
      expect(acceptedAfterwards).toBe(0);
    },
  );
});

describe("under Sentinel", () => {
  it("the cache receives invalidations from the master, and from the new one after a failover", async () => {
    const sentinel = await startSentinelRedis();
    closers.push(() => sentinel.stop());
    const other = await openStore(sentinel.url, 2_000);
    closers.push(() => other.close());
    const instance = await openInstance((store) => store, sentinel.url);
    const untilDone = async (work: () => Promise<unknown>) =>
      expect.poll(() => work().then(Boolean, () => false), { timeout: 15_000 }).toBe(true);
    const newHere = async () => {
      const key = newKey();
      const times = { idleMs: 60_000, maxMs: 120_000 };
      await untilDone(() => other.create({ key, session: "{}", tokens: "sealed-1", ...times }));
      return key;
    };
    const [before, kept] = [await newHere(), await newHere()];
    await cached(instance, before);
    await cached(instance, kept);
    await other.end(before, "logout");
    await expect.poll(() => instance.read(before), { interval: 1 }).toBeUndefined();
    await expect.poll(() => other.client.call("WAIT", "2", "100"), { timeout: 10_000 }).toBe(2);

    await sentinel.failOver();
    await untilDone(async () => instance.read(kept));
    await cached(instance, kept);
    await untilDone(async () => (await other.end(kept, "logout"), true));
    await expect.poll(() => instance.read(kept), { interval: 1 }).toBeUndefined();
  }, 60_000);
});

describe("without invalidations", () => {
  it("a Redis user without the permissions disables the cache with a reason, until they are granted", async () => {
    const password = randomBytes(12).toString("hex");
    await elsewhere.client.call("ACL", "SETUSER", "narrow", "on", `>${password}`, "~*", "+@all", "-client|tracking");
    const instance = await openInstance((store) => ({
      ...store,
      subscribeInvalidations: (listener) => {
        const url = redis.url.replace("//", `//narrow:${password}@`);
        const feed = createRedisInvalidations({ url, timeoutMs: 300, client: store.client }).subscribe(names, listener);
        closers.push(() => feed.close());
        return feed;
      },
    }));
    const key = await newSession();
    const reason = () => (instance.state() as { reason?: string }).reason;
    await expect.poll(reason).toMatch(/client\|tracking/);
    expect(await instance.read(key)).toBeDefined();
    expect(instance.outcomes).toEqual(["bypass"]);
    await elsewhere.client.call("ACL", "SETUSER", "narrow", "+@all", "allchannels");
    await cached(instance, key);
  }, 20_000);

  it("invalidations of another server than the one that is read do not enable the cache", async () => {
    const other = await startRedis();
    closers.push(() => other.stop());
    const instance = await openInstance((store) => ({
      ...store,
      subscribeInvalidations: (listener) => {
        const feed = createRedisInvalidations({ url: other.url, timeoutMs: 300, client: store.client }).subscribe(
          names,
          listener,
        );
        closers.push(() => feed.close());
        return feed;
      },
    }));
    const reason = () => (instance.state() as { reason?: string }).reason;
    await expect.poll(reason).toMatch(/more than one server/);
    expect(await instance.read(await newSession())).toBeDefined();
  });

  it("a Cluster is reported as unsupported", () => {
    const client = connectRedis({ url: redis.url.replace("redis:", "redis+cluster:"), timeoutMs: 500 });
    client.on("error", () => undefined);
    closers.push(() => client.disconnect());
    const states: string[] = [];
    const listener = { changed() {}, anyChanged() {}, onState: ({ kind }: { kind: string }) => states.push(kind) };
    const feed = createRedisInvalidations({ url: redis.url, timeoutMs: 500, client }).subscribe(names, listener);
    expect(states).toEqual(["unsupported"]);
    expect([feed.isConnected(), feed.isFresh()]).toEqual([false, false]);
  });
});
