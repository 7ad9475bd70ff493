// The session store on a real Redis Cluster.
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startClusterRedis, type ClusterRedis } from "../../chaos/redis-cluster.ts";
import { until } from "../../chaos/scenario.ts";
import { createRedisStore } from "../../src/redis.ts";

let redis: ClusterRedis;
let store: ReturnType<typeof createRedisStore>;

beforeAll(async () => {
  redis = await startClusterRedis();
  store = createRedisStore({ url: redis.url, timeoutMs: 2_000 });
  const isThere = () =>
    store.check().then(
      () => true,
      () => false,
    );
  await until("the store has met the cluster", isThere);
}, 60_000);
afterAll(async () => {
  await store.close();
  await redis.stop();
});

const newKeys = (count: number) => Array.from({ length: count }, () => randomBytes(32).toString("base64url"));

it("finds sessions whose slots have just moved, also when many ask at once", async () => {
  const keys = newKeys(30);
  for (const key of keys)
    await store.create({ key, session: '{"n":1}', tokens: `sealed-${key}`, idleMs: 60_000, maxMs: 60_000 });
  const moving = keys.slice(0, 5);
  expect(await redis.moveSlotsOf(moving.map((key) => `cloakroom:{${key}}:session`))).toBeGreaterThan(0);
  // In one turn of the event loop, reads and writes for every node: none may suffer from another's redirection.
  const read = await Promise.all(keys.map((key) => Promise.all([store.read(key), store.slide(key)])));
  expect(read.map(([stored]) => stored?.tokens)).toEqual(keys.map((key) => `sealed-${key}`));
});
