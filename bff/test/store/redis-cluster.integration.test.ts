// The session store on a real Redis Cluster.
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startClusterRedis, type ClusterRedis } from "@cloakroom/testkit/redis-cluster.ts";
import { until } from "@cloakroom/testkit/until.ts";
import { applicationId } from "../../src/lib/application-id.ts";
import { createRedisStore } from "../../src/store/redis/redis-store.ts";
import { testApplication } from "@cloakroom/testkit/stored-session.ts";

let redis: ClusterRedis;
let store: ReturnType<typeof createRedisStore>;

beforeAll(async () => {
  redis = await startClusterRedis();
  store = createRedisStore({ application: testApplication, url: redis.url, timeoutMs: 2_000 });
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

it("two applications on one Cluster are isolated, and every script uses one slot", async () => {
  const [other, other2] = ["shop", "shop-2"].map((id) =>
    createRedisStore({ application: applicationId(id), url: redis.url, timeoutMs: 2_000 }),
  ) as [typeof store, typeof store];
  const [key = ""] = newKeys(1);
  const name = { kind: "user", hash: key } as const;
  const stored = { key, session: '{"n":1}', tokens: "sealed", idleMs: 60_000, maxMs: 60_000 };
  for (const each of [other, other2])
    await until("the store has met the cluster", () =>
      each.check().then(
        () => true,
        () => false,
      ),
    );
  expect(await other.create(stored)).toBe(true);
  expect(await other.addToIndex(name, { key, maxMs: 60_000, issuedAtSeconds: 1 })).toBe(true);
  expect(await other.acquireRefreshSlot({ intervalMs: 60_000, maxWaitMs: 0 })).toMatchObject({ isAcquired: true });
  expect(await other2.acquireRefreshSlot({ intervalMs: 60_000, maxWaitMs: 0 })).toMatchObject({ isAcquired: true });
  expect(await other2.read(key)).toBeUndefined();
  expect(await other2.listIndex(name)).toEqual([]);
  expect(await other2.create(stored)).toBe(true);
  expect(await other2.end(key, "logout")).toBe('{"n":1}');
  expect(await other2.closeIndex(name, { issuedAtSeconds: undefined, ttlMs: 60_000 })).toEqual([]);
  expect(await other.read(key)).toMatchObject({ tokens: "sealed" });
  expect(await other.endReason(key)).toBeUndefined();
  expect(await other.isClosed(name, 1)).toBe(false);
  const all = async (each: typeof store) => {
    const found: string[] = [];
    for await (const keys of each.listAll()) found.push(...keys);
    return found;
  };
  expect(await all(other)).toEqual([key]);
  const scanned: string[] = [];
  let position: string | undefined;
  do {
    const step = await other.scanSessions(position);
    scanned.push(...step.keys);
    position = step.next;
  } while (position !== undefined);
  expect(scanned).toEqual([key]);
  expect(await all(other2)).toEqual([]);
  await Promise.all([other.close(), other2.close()]);
});

const newKeys = (count: number) => Array.from({ length: count }, () => randomBytes(32).toString("base64url"));

it("concurrent reads and writes follow a slot that has just moved", async () => {
  const keys = newKeys(30);
  for (const key of keys)
    await store.create({ key, session: '{"n":1}', tokens: `sealed-${key}`, idleMs: 60_000, maxMs: 60_000 });
  const moving = keys.slice(0, 5);
  expect(await redis.moveSlotsOf(moving.map((key) => `cloakroom:test:{${key}}:session`))).toBeGreaterThan(0);
  // In one turn of the event loop, reads and writes for every node: a redirection must fail no other command.
  const read = await Promise.all(keys.map((key) => Promise.all([store.read(key), store.slide(key)])));
  expect(read.map(([stored]) => stored?.tokens)).toEqual(keys.map((key) => `sealed-${key}`));
});
