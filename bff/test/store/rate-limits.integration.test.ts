// Rate limits in the store: at most N requests in any window, over all instances, for the Redis store and the in-memory store.
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";
import { testApplication } from "@cloakroom/testkit/stored-session.ts";
import { createMemoryStore } from "../../src/store/memory-store.ts";
import { createRequestCounts } from "../../src/store/request-counts.ts";
import { createRedisNames } from "../../src/store/redis/redis-names.ts";
import { createRedisStore } from "../../src/store/redis/redis-store.ts";
import type { RateLimitCounter, Store } from "../../src/store/store.ts";

let redis: TestRedis;
let client: Redis;
/** Two instances of one application. */
const pairs: Record<string, readonly [Store, Store]> = {};

beforeAll(async () => {
  redis = await startRedis();
  client = new Redis(redis.url);
  const open = async () => {
    const store = createRedisStore({ application: testApplication, url: redis.url, timeoutMs: 1_000 });
    await new Promise((ready) => store.client.once("ready", ready));
    return store;
  };
  const memory = createMemoryStore();
  pairs["redis"] = [await open(), await open()];
  pairs["memory"] = [memory, memory];
});
afterAll(async () => {
  for (const store of new Set(Object.values(pairs).flat())) await store.close();
  client.disconnect();
  await redis.stop();
});

const newHash = () => randomBytes(32).toString("base64url");
const user = (requests: number, windowMs: number, hash = newHash()): RateLimitCounter => ({
  ...{ kind: "user", hash, requests, windowMs },
});
const address = (requests: number, windowMs: number, hash = newHash()): RateLimitCounter => ({
  ...user(requests, windowMs, hash),
  kind: "address",
});

describe.each(["redis", "memory"])("a rate limit of the %s store", (name) => {
  const stores = () => pairs[name]!;
  const isAdmitted = async (counters: RateLimitCounter[], at = 0, scope = "row") =>
    (await stores()[at]!.countRequest(scope, counters)).every(({ retryAfterMs }) => retryAfterMs === 0);

  it("a rate limit admits exactly its number of requests over two instances, also at the same moment", async () => {
    const counter = user(10, 60_000);
    const all = await Promise.all(Array.from({ length: 40 }, (_, at) => isAdmitted([counter], at % 2)));
    expect(all.filter(Boolean)).toHaveLength(10);
    expect(await isAdmitted([counter])).toBe(false);
  });

  it("a rate limit reports what is left and when", async () => {
    const counter = user(2, 60_000);
    const [first] = await stores()[0].countRequest("row", [counter]);
    expect(first).toMatchObject({ remaining: 1, retryAfterMs: 0 });
    await stores()[1].countRequest("row", [counter]);
    const [third] = await stores()[0].countRequest("row", [counter]);
    expect(third!.remaining).toBe(0);
    expect(third!.retryAfterMs).toBeGreaterThan(55_000);
    expect(third!.retryAfterMs).toBeLessThanOrEqual(60_000);
    expect(third!.resetMs).toBeLessThanOrEqual(60_000);
  });

  it("a request is admitted again after the reported time, and not before", async () => {
    const counter = user(1, 400);
    expect(await isAdmitted([counter])).toBe(true);
    const [state] = await stores()[0].countRequest("row", [counter]);
    expect(await isAdmitted([counter])).toBe(false);
    await sleep(state!.retryAfterMs + 5);
    expect(await isAdmitted([counter])).toBe(true);
  });

  it("a rejected request is counted for none of its limits", async () => {
    const [full, other] = [user(1, 60_000), address(2, 60_000)];
    expect(await isAdmitted([full, other])).toBe(true);
    for (let n = 0; n < 5; n++) expect(await isAdmitted([full, other])).toBe(false);
    expect(await isAdmitted([other])).toBe(true);
    expect(await isAdmitted([other])).toBe(false);
  });

  it("the state names the limit that is reached", async () => {
    const [one, two] = [user(5, 60_000), address(1, 60_000)];
    await stores()[0].countRequest("row", [one, two]);
    const states = await stores()[0].countRequest("row", [one, two]);
    expect(states.map(({ retryAfterMs }) => retryAfterMs > 0)).toEqual([false, true]);
    expect(states.map(({ remaining }) => remaining)).toEqual([4, 0]);
  });

  it("a user, an address and another row with the same hash have counters of their own", async () => {
    const hash = newHash();
    expect(await isAdmitted([user(1, 60_000, hash)])).toBe(true);
    expect(await isAdmitted([address(1, 60_000, hash)])).toBe(true);
    expect(await isAdmitted([user(1, 60_000, hash)], 0, "another")).toBe(true);
    expect(await isAdmitted([user(1, 60_000, hash)])).toBe(false);
  });

  it("a lower limit applies to requests that were counted under a higher one", async () => {
    const hash = newHash();
    for (let n = 0; n < 5; n++) expect(await isAdmitted([user(5, 60_000, hash)])).toBe(true);
    expect(await isAdmitted([user(2, 60_000, hash)])).toBe(false);
    expect(await isAdmitted([user(6, 60_000, hash)])).toBe(true);
  });
});

describe("a counter in Redis", () => {
  const nameOf = (counter: RateLimitCounter) => createRedisNames(testApplication).rateLimit("row", counter);

  it("a counter expires with its window, and its size does not grow with the number of requests", async () => {
    const counter = user(100_000, 64_000);
    for (let n = 0; n < 500; n++) await pairs["redis"]![0].countRequest("row", [counter]);
    expect(await client.strlen(nameOf(counter))).toBeLessThan(33 * 32);
    expect(await client.pttl(nameOf(counter))).toBeGreaterThan(63_000);
    expect(await client.pttl(nameOf(counter))).toBeLessThanOrEqual(64_000);
  });

  it("a clock that was set back does not block a counter for longer than its window", async () => {
    const counter = user(1, 300);
    await client.set(nameOf(counter), `${Date.now() + 3_600_000}:1;`, "PX", 60_000);
    const [state] = await pairs["redis"]![0].countRequest("row", [counter]);
    expect(state!.retryAfterMs).toBeLessThanOrEqual(300);
  });

  it("no counter is below the prefix whose changes all instances are notified of", () => {
    const names = createRedisNames(testApplication);
    expect(nameOf(user(1, 1)).startsWith(names.trackingPrefix)).toBe(false);
    expect(nameOf(user(1, 1)).startsWith(names.aclPattern.slice(0, -1))).toBe(true);
  });
});

describe("the window of a counter", () => {
  it.each([1, 2, 7, 32, 33, 100])("at most %i requests are admitted in any window", (requests) => {
    let nowMs = 1_000_000;
    const windowMs = 10_000;
    const counts = createRequestCounts(() => nowMs);
    const admitted: number[] = [];
    // Bursts and pauses of changing length.
    for (let n = 0; n < 4_000; n++) {
      nowMs += (n * 7_919) % (n % 50 === 0 ? 9_000 : 97);
      const [state] = counts.countRequest("row", [user(requests, windowMs, "u")]);
      if (state!.retryAfterMs === 0) admitted.push(nowMs);
      const inWindow = admitted.filter((at) => at > nowMs - windowMs).length;
      expect(inWindow).toBeLessThanOrEqual(requests);
      // Late by at most 1/32 of the window.
      const inLonger = admitted.filter((at) => at > nowMs - windowMs * (1 + 1 / 32)).length;
      if (state!.retryAfterMs > 0) expect(inLonger).toBeGreaterThanOrEqual(requests);
    }
    expect(admitted.length).toBeGreaterThan(requests);
  });
});
