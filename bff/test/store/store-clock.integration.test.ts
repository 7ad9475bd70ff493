// Clock shared by all instances: each one's estimate of the store's clock.
import { once } from "node:events";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { connectRedis } from "../../src/store/redis/redis-connection.ts";
import { createRedisStore } from "../../src/store/redis/redis-store.ts";
import { createAdministration } from "../../src/session/administration.ts";
import { createStoreClock } from "../../src/store/store-clock.ts";
import { until } from "@cloakroom/testkit/until.ts";
import { startCluster } from "@cloakroom/testkit/test-cluster.ts";
import { startRedis } from "@cloakroom/testkit/test-redis.ts";
import { silentLog, storeSession, testApplication } from "@cloakroom/testkit/stored-session.ts";

const HOUR_MS = 3_600_000;
/** Tolerance for the delays of a slow machine. */
const NEAR_MS = 60_000;

/** A process's own clock is off by so much from now on; Redis is another process. */
function setLocalClock(offMs: number): void {
  vi.restoreAllMocks();
  const real = Date.now;
  vi.spyOn(Date, "now").mockImplementation(() => real() + offMs);
}
afterEach(() => void vi.restoreAllMocks());

/** How many TIME commands the server has executed. */
async function timeReads(url: string): Promise<number> {
  const client = connectRedis({ url, timeoutMs: 1_000 });
  await once(client, "ready");
  const statistics = await client.info("commandstats");
  client.disconnect();
  return Number(/^cmdstat_time:calls=(\d+)/m.exec(statistics)?.[1] ?? 0);
}

describe("the clock of the Redis store", () => {
  it("the clock of the Redis store equals Redis's clock on every instance, whatever the local clocks show", async () => {
    const redis = await startRedis();
    const redisMs = Date.now();
    const stores = [HOUR_MS, -HOUR_MS].map((offMs) => {
      setLocalClock(offMs);
      return createRedisStore({ application: testApplication, url: redis.url, timeoutMs: 1_000 });
    });
    for (const [at, store] of stores.entries())
      await expect.poll(() => Math.abs(store.nowMs() - redisMs), { message: `store ${at}` }).toBeLessThan(NEAR_MS);
    setLocalClock(5 * HOUR_MS);
    for (const { nowMs } of stores) expect(Math.abs(nowMs() - redisMs)).toBeLessThan(NEAR_MS);
    await Promise.all(stores.map((store) => store.close()));
    await redis.stop();
  });

  it("the clock of the Redis store continues during a Redis outage, and is the local clock before the first connection", async () => {
    const redis = await startRedis();
    const redisMs = Date.now();
    setLocalClock(HOUR_MS);
    const store = createRedisStore({ application: testApplication, url: redis.url, timeoutMs: 500 });
    await expect.poll(() => Math.abs(store.nowMs() - redisMs)).toBeLessThan(NEAR_MS);
    await redis.kill();
    await expect(store.check()).rejects.toMatchObject({ code: "store_unavailable" });
    expect(Math.abs(store.nowMs() - redisMs)).toBeLessThan(NEAR_MS);

    const other = createRedisStore({ application: testApplication, url: redis.url, timeoutMs: 500 });
    expect(Math.abs(other.nowMs() - redisMs - HOUR_MS)).toBeLessThan(NEAR_MS);
    await Promise.all([store.close(), other.close()]);
    await redis.stop();
  });

  it("the clock of the Redis store is read again after a reconnect, which may lead to another server", async () => {
    // The reads at intervals would hide a missing one. Vitest's `poll` would advance the fake timer.
    vi.useFakeTimers({ toFake: ["setInterval"] });
    onTestFinished(() => void vi.useRealTimers());
    const redis = await startRedis();
    const store = createRedisStore({ application: testApplication, url: redis.url, timeoutMs: 1_000 });
    await until("the clock is read", async () => (await timeReads(redis.url)) > 0, { timeoutMs: 10_000 });
    const before = await timeReads(redis.url);
    store.client.disconnect(true);
    await until("the clock is read again", async () => (await timeReads(redis.url)) > before, { timeoutMs: 10_000 });
    await store.close();
    await redis.stop();
  });

  it("all instances on a Cluster use the clock of the same node", async () => {
    const cluster = await startCluster(3);
    const redisMs = Date.now();
    setLocalClock(HOUR_MS);
    const stores = Array.from({ length: 8 }, () =>
      createRedisStore({ application: testApplication, url: cluster.url, timeoutMs: 1_000 }),
    );
    await Promise.all(stores.map((store) => vi.waitFor(() => store.check(), { timeout: 10_000 })));
    for (const { nowMs } of stores) expect(Math.abs(nowMs() - redisMs)).toBeLessThan(NEAR_MS);
    const reads = await Promise.all(cluster.nodes.map(({ url }) => timeReads(url)));
    expect(reads.filter((count) => count > 0)).toHaveLength(1);
    await Promise.all(stores.map((store) => store.close()));
    await cluster.stop();
  }, 60_000);

  it("the clock of the Redis store decides which sessions end-all ends, also for an instance whose local clock is behind", async () => {
    const redis = await startRedis();
    const store = createRedisStore({ application: testApplication, url: redis.url, timeoutMs: 1_000 });
    await expect.poll(() => store.check().catch(String)).toBeUndefined();
    const untilAcknowledged = () => Promise.resolve();
    const administration = createAdministration({ store, log: silentLog, sessionMaxMs: HOUR_MS, untilAcknowledged });
    const { key } = await storeSession(store);
    setLocalClock(-HOUR_MS);
    await administration.endAll(() => undefined);
    expect(await store.read(key)).toBeUndefined();
    await store.close();
    await redis.stop();
  });
});

/** A store whose clock is `aheadMs` ahead of the monotonic one and whose round trip is split evenly. */
function measuredBy() {
  let monotonicMs = 1_000;
  let localMs = 5;
  const store = { aheadMs: 1_000_000, thereMs: 1, backMs: 1 };
  const clock = createStoreClock({
    monotonicMs: () => monotonicMs,
    localMs: () => localMs,
    async readStoreMs() {
      monotonicMs += store.thereMs;
      const storeMs = monotonicMs + store.aheadMs;
      monotonicMs += store.backMs;
      return storeMs;
    },
  });
  return {
    clock,
    store,
    pass: (ms: number) => void (monotonicMs += ms),
    setLocalClock: (ms: number) => void (localMs = ms),
    /** Deviation from the store's clock. */
    errorMs: () => clock.nowMs() - (monotonicMs + store.aheadMs),
  };
}

describe("createStoreClock", () => {
  it("the store clock uses the local clock before the first measurement only", async () => {
    const { clock, setLocalClock: setOwn, errorMs, pass } = measuredBy();
    expect([clock.isKnown(), clock.nowMs()]).toEqual([false, 5]);
    await clock.measure();
    setOwn(999_999_999);
    pass(3_000);
    expect([clock.isKnown(), errorMs()]).toEqual([true, 0]);
  });

  it("the store clock keeps an earlier measurement with a smaller error", async () => {
    const { clock, store, pass, errorMs } = measuredBy();
    await clock.measure();
    pass(5_000);
    Object.assign(store, { thereMs: 2, backMs: 400 });
    await clock.measure();
    expect(errorMs()).toBe(0);
  });

  it("the store clock replaces an old measurement once its error with drift exceeds that of a slower one", async () => {
    const { clock, store, pass, errorMs } = measuredBy();
    await clock.measure();
    pass(HOUR_MS);
    Object.assign(store, { thereMs: 2, backMs: 12 });
    await clock.measure();
    expect(errorMs()).toBe(-5);
  });

  it.each([-30_000, 30_000])("the store clock follows a change of the store's clock by %i ms", async (byMs) => {
    const { clock, store, pass, errorMs } = measuredBy();
    await clock.measure();
    pass(5_000);
    Object.assign(store, { aheadMs: store.aheadMs + byMs, thereMs: 300, backMs: 300 });
    await clock.measure();
    expect(errorMs()).toBe(0);
  });

  it("the store clock reports a backward jump, but no forward or small one", async () => {
    const { clock, store, pass } = measuredBy();
    for (const byMs of [0, 60_000, -1_500]) {
      Object.assign(store, { aheadMs: store.aheadMs + byMs });
      await clock.measure();
      expect(clock.setBackAtMs()).toBe(-Infinity);
    }
    Object.assign(store, { aheadMs: store.aheadMs - 30_000 });
    pass(5_000);
    await clock.measure();
    const noticedMs = clock.nowMs();
    pass(5_000);
    await clock.measure();
    expect(Math.abs(clock.setBackAtMs() - noticedMs)).toBeLessThan(10);
  });

  it("the store clock reports no backward jump within the error of the earlier measurement", async () => {
    const { clock, store, errorMs } = measuredBy();
    // An asymmetric round trip: the store's clock appears four seconds further ahead.
    Object.assign(store, { thereMs: 8_000, backMs: 0 });
    await clock.measure();
    Object.assign(store, { thereMs: 1, backMs: 1 });
    await clock.measure();
    expect([errorMs(), clock.setBackAtMs()]).toEqual([0, -Infinity]);
  });

  it("the store clock keeps the last measurement if the store does not reply", async () => {
    let isDown = false;
    const clock = createStoreClock({
      monotonicMs: () => 0,
      readStoreMs: async () => (isDown ? Promise.reject(new Error("down")) : 77),
    });
    await clock.measure();
    isDown = true;
    await expect(clock.measure()).rejects.toThrow("down");
    expect(clock.nowMs()).toBe(77);
  });
});
