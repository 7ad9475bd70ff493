// Deadlines against a real Redis: a silent Redis exceeds them, a pause of the gateway does not.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createDeadline } from "../../src/store/deadline.ts";
import { createRedisStore } from "../../src/store/redis/redis-store.ts";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";
import { testApplication } from "@cloakroom/testkit/stored-session.ts";

const timeoutMs = 200;
let redis: TestRedis;
let store: ReturnType<typeof createRedisStore>;

beforeAll(async () => {
  redis = await startRedis();
  store = createRedisStore({ application: testApplication, url: redis.url, timeoutMs });
  await new Promise((ready) => store.client.once("ready", ready));
});
afterAll(async () => {
  await store.close();
  await redis.stop();
});

const holdUpTheProcess = (ms: number): void => {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
};

it("a store deadline accepts a reply that arrived during a pause of the process", async () => {
  const reads = [store.read("a"), store.read("b")];
  holdUpTheProcess(3 * timeoutMs);
  expect(await Promise.all(reads)).toEqual([undefined, undefined]);
});

it("a store deadline rejects commands to a silent Redis in time, also right after a pause", async () => {
  redis.pause();
  const startedMs = performance.now();
  const read = expect(store.read("a")).rejects.toMatchObject({ code: "store_unavailable" });
  holdUpTheProcess(2 * timeoutMs);
  await read;
  // The pause extends the deadline once, so the wait is bounded by the pause and two deadlines, with room for a slow machine.
  expect(performance.now() - startedMs).toBeLessThan(20 * timeoutMs);
  redis.resume();
});

it("a store deadline counts each deadline from the start of its own command", async () => {
  const inTime = createDeadline(timeoutMs);
  const never = inTime(new Promise(() => undefined)).catch(() => "too late");
  await sleep(timeoutMs * 0.75);
  const later = inTime(sleep(timeoutMs * 0.5, "in time"));
  expect(await Promise.all([never, later])).toEqual(["too late", "in time"]);
});

it("a store deadline passes on the rejection of the work and leaves no unhandled rejection", async () => {
  const inTime = createDeadline(timeoutMs);
  await expect(inTime(Promise.reject(new Error("its own")))).rejects.toThrow("its own");
  const late = sleep(timeoutMs * 2).then(() => Promise.reject(new Error("late")));
  await expect(inTime(late)).rejects.toThrow("no reply within 200 ms");
  await expect(late).rejects.toThrow("late");
});
