// Contract tests of the session store, run against the Redis store and the in-memory store.
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createMemoryStore } from "../../src/store/memory-store.ts";
import { createRedisStore } from "../../src/store/redis/redis-store.ts";
import type { Store, TokenLife } from "../../src/store/store.ts";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";
import { testApplication } from "@cloakroom/testkit/stored-session.ts";

let redis: TestRedis;
const stores: Record<string, () => Store> = {};
const opened: Store[] = [];

beforeAll(async () => {
  redis = await startRedis();
  const store = createRedisStore({ application: testApplication, url: redis.url, timeoutMs: 1_000 });
  await new Promise((ready) => store.client.once("ready", ready));
  const memory = createMemoryStore();
  opened.push(store, memory);
  stores["redis"] = () => store;
  stores["memory"] = () => memory;
});
afterAll(async () => {
  await Promise.all(opened.map((store) => store.close()));
  await redis.stop();
});

const newKey = () => randomBytes(32).toString("base64url");
const record = (key: string) => ({ key, session: '{"n":1}', tokens: "sealed-1", idleMs: 60_000, maxMs: 120_000 });

describe.each(["redis", "memory"])("the %s store", (name) => {
  const store = () => stores[name]!();

  it("the store reads a created session and no other", async () => {
    const key = newKey();
    expect(await store().create(record(key))).toBe(true);
    expect(await store().read(key)).toMatchObject({ session: '{"n":1}', tokens: "sealed-1", tokenVersion: 1 });
    expect(await store().read(newKey())).toBeUndefined();
  });

  it("the store rejects the creation of an existing key", async () => {
    const key = newKey();
    await store().create(record(key));
    expect(await store().create(record(key))).toBe(false);
  });

  it("the store reports both limits, the idle one at most the absolute one", async () => {
    const key = newKey();
    await store().create({ ...record(key), idleMs: 90_000, maxMs: 50_000 });
    const found = await store().readWithTimes(key);
    expect(found!.expiresInMs).toBeGreaterThan(49_000);
    expect(found!.idleExpiresInMs).toBeLessThanOrEqual(50_000);
  });

  it("no late write restores an ended session", async () => {
    const key = newKey();
    await store().create(record(key));
    await store().claimRefresh(key, { owner: "slow", tokenVersion: 1, leaseMs: 60_000, graceMs: 0 });
    expect(await store().end(key, "logout")).toBe('{"n":1}');

    expect(await store().saveTokens(key, "slow", "sealed-2")).toBe(false);
    await store().slide(key);
    await store().releaseRefresh(key, "slow", "unknown");
    expect(await store().create(record(key))).toBe(false);

    expect(await store().read(key)).toBeUndefined();
    expect(await store().endReason(key)).toBe("logout");
  });

  it("the store keeps the first end reason", async () => {
    const key = newKey();
    await store().create(record(key));
    await store().end(key, "provider_logout");
    await store().end(key, "logout");
    expect(await store().endReason(key)).toBe("provider_logout");
  });

  it("the store rejects a session that is created after its end", async () => {
    const key = newKey();
    await store().end(key, "revoked");
    expect(await store().create(record(key))).toBe(false);
  });

  it("the store grants the refresh lease to one owner", async () => {
    const key = newKey();
    await store().create(record(key));
    const claims = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        store().claimRefresh(key, { owner: `o${n}`, tokenVersion: 1, leaseMs: 9_000, graceMs: 0 }),
      ),
    );
    expect(claims.filter((claim) => claim.kind === "claimed")).toHaveLength(1);
    expect(claims.filter((claim) => claim.kind === "busy")).toHaveLength(49);
  });

  it("the store returns the winner's token set to the others", async () => {
    const key = newKey();
    await store().create(record(key));
    await store().claimRefresh(key, { owner: "winner", tokenVersion: 1, leaseMs: 9_000, graceMs: 0 });
    expect(await store().saveTokens(key, "winner", "sealed-2")).toBe(true);
    expect(
      await store().claimRefresh(key, { owner: "loser", tokenVersion: 1, leaseMs: 9_000, graceMs: 0 }),
    ).toMatchObject({
      kind: "changed",
      stored: { tokens: "sealed-2", tokenVersion: 2 },
    });
  });

  it("the store fences an owner whose expired lease was taken over", async () => {
    const key = newKey();
    await store().create(record(key));
    await store().claimRefresh(key, { owner: "paused", tokenVersion: 1, leaseMs: 1, graceMs: 0 });
    await expect
      .poll(() => store().claimRefresh(key, { owner: "next", tokenVersion: 1, leaseMs: 60_000, graceMs: 0 }))
      .toEqual({ kind: "claimed", afterUnknown: true });
    expect(await store().saveTokens(key, "paused", "stale")).toBe(false);
    expect(await store().renewRefresh(key, "paused", 1_000)).toBe(false);
    expect(await store().saveTokens(key, "next", "sealed-2")).toBe(true);
  });

  it("the store keeps an expired lease for the grace period, counted from the first claim that finds it expired", async () => {
    const key = newKey();
    await store().create(record(key));
    const next = { owner: "next", tokenVersion: 1, leaseMs: 60_000, graceMs: 150 };
    await store().claimRefresh(key, { owner: "cut off", tokenVersion: 1, leaseMs: 1, graceMs: 150 });
    await expect.poll(async () => (await store().claimRefresh(key, next)).kind).toBe("busy");
    expect(await store().saveTokens(key, "cut off", "sealed-2")).toBe(true);
    expect(await store().claimRefresh(key, next)).toMatchObject({ kind: "changed" });

    await store().claimRefresh(key, { owner: "killed", tokenVersion: 2, leaseMs: 1, graceMs: 150 });
    await expect.poll(async () => (await store().claimRefresh(key, { ...next, tokenVersion: 2 })).kind).toBe("claimed");
  });

  it.each([
    ["unspent", false],
    ["unknown", true],
  ] as const)("after a claim released as %s, the next one knows: afterUnknown %s", async (outcome, afterUnknown) => {
    const key = newKey();
    await store().create(record(key));
    await store().claimRefresh(key, { owner: "first", tokenVersion: 1, leaseMs: 60_000, graceMs: 0 });
    await store().releaseRefresh(key, "first", outcome);
    expect(await store().claimRefresh(key, { owner: "second", tokenVersion: 1, leaseMs: 60_000, graceMs: 0 })).toEqual({
      kind: "claimed",
      afterUnknown,
    });
  });

  it("closing an index lists its sessions and rejects logins issued before", async () => {
    const name = { kind: "provider-session", hash: newKey() } as const;
    const [first, second] = [newKey(), newKey()];
    const entry = { maxMs: 60_000, issuedAtSeconds: 100 };
    expect(await store().addToIndex(name, { key: first, ...entry })).toBe(true);
    expect(await store().closeIndex(name, { issuedAtSeconds: undefined, ttlMs: 60_000 })).toEqual([first]);
    expect(await store().addToIndex(name, { key: second, ...entry })).toBe(false);
  });

  it("the store accepts a new session of a user after a logout of all their sessions", async () => {
    const name = { kind: "user", hash: newKey() } as const;
    await store().closeIndex(name, { issuedAtSeconds: 100, ttlMs: 60_000 });
    await store().closeIndex(name, { issuedAtSeconds: 90, ttlMs: 60_000 });
    expect(await store().addToIndex(name, { key: newKey(), maxMs: 60_000, issuedAtSeconds: 100 })).toBe(false);
    expect(await store().addToIndex(name, { key: newKey(), maxMs: 60_000, issuedAtSeconds: 101 })).toBe(true);
  });

  it("a session expires with its refresh token although it is used", async () => {
    const key = newKey();
    await store().create({ ...record(key), tokenLife: 150 });
    await expect
      .poll(async () => {
        await store().slide(key);
        return store().read(key);
      })
      .toBeUndefined();
  });

  it("a refresh moves the token limit only", async () => {
    const key = newKey();
    await store().create({ ...record(key), tokenLife: 20_000 });
    expect((await store().limitsOf(key))!.idleMs).toBe(20_000);
    const left = async () => Math.ceil((await store().limitsOf(key))!.idleExpiresInMs / 10_000) * 10_000;
    const save = async (version: number, life: TokenLife | undefined) => {
      const claim = { owner: "me", tokenVersion: version, leaseMs: 9_000, graceMs: 0 };
      await store().claimRefresh(key, claim);
      expect(await store().saveTokens(key, "me", `sealed-${version + 1}`, { life })).toBe(true);
    };
    expect(await left()).toBe(20_000);
    await save(1, 40_000);
    expect(await left()).toBe(40_000);
    await save(2, "unchanged");
    await save(3, undefined);
    expect(await left()).toBe(40_000);
    await store().slide(key);
    expect(await left()).toBe(40_000);
    await save(4, 10_000);
    expect(await left()).toBe(10_000);
    await save(5, "unknown");
    expect(await left()).toBe(60_000);
    await save(6, 500_000);
    expect(await left()).toBe(60_000);
    expect((await store().limitsOf(key))!).toMatchObject({ idleMs: 60_000 });
  });

  it("isClosed reports whether a login is rejected, also for an index without entries", async () => {
    const name = { kind: "all", hash: newKey() } as const;
    expect(await store().isClosed(name, 100)).toBe(false);
    expect(await store().closeIndex(name, { issuedAtSeconds: 100, ttlMs: 60_000 })).toEqual([]);
    expect(await store().isClosed(name, 100)).toBe(true);
    expect(await store().isClosed(name, 101)).toBe(false);
  });

  it("listAll lists every live session, whether indexed or not", async () => {
    const keys = [newKey(), newKey(), newKey()];
    for (const key of keys) await store().create(record(key));
    await store().end(keys[2]!, "logout");
    const listed = new Set<string>();
    for await (const batch of store().listAll()) for (const key of batch) listed.add(key);
    expect(keys.map((key) => listed.has(key))).toEqual([true, true, false]);
    for (const key of listed) expect(key).toMatch(/^[\w-]{43}$/);
  });

  it("scanSessions lists every live session in steps, also if some end meanwhile", async () => {
    const keys = Array.from({ length: 150 }, newKey);
    for (const key of keys) await store().create(record(key));
    const listed: string[] = [];
    let position: string | undefined;
    let steps = 0;
    do {
      const step = await store().scanSessions(position);
      listed.push(...step.keys);
      position = step.next;
      if (steps++ === 0) for (const key of step.keys) await store().end(key, "logout");
    } while (position !== undefined);
    expect(steps).toBeGreaterThan(1);
    expect(keys.filter((key) => !listed.includes(key))).toEqual([]);
  });

  it("the store lists an index oldest first, without what was removed from it", async () => {
    const name = { kind: "user", hash: newKey() } as const;
    const keys = [newKey(), newKey(), newKey()].toSorted().toReversed();
    expect(await store().listIndex(name)).toEqual([]);
    for (const key of keys) {
      await store().addToIndex(name, { key, maxMs: 60_000, issuedAtSeconds: 100 });
      const addedAtMs = Date.now();
      await expect.poll(() => Date.now(), { interval: 1 }).toBeGreaterThan(addedAtMs);
    }
    expect(await store().listIndex(name)).toEqual(keys);
    await store().removeFromIndex(name, keys[1]!);
    expect(await store().listIndex(name)).toEqual([keys[0], keys[2]]);
  });

  it("the store reports the time since the login or the last slide", async () => {
    const key = newKey();
    await store().create(record(key));
    const usedAgoMs = async () => (await store().readWithTimes(key))!.usedAgoMs!;
    expect(await usedAgoMs()).toBeGreaterThanOrEqual(0);
    await expect.poll(usedAgoMs).toBeGreaterThan(200);
    const slidAtMs = performance.now();
    await store().slide(key);
    const agoMs = await usedAgoMs();
    expect(agoMs).toBeLessThanOrEqual(performance.now() - slidAtMs + 2);
  });

  it("refresh slots are spaced by the interval, and a slot beyond the maximum wait is not acquired", async () => {
    const turn = (maxWaitMs: number) => store().acquireRefreshSlot({ intervalMs: 10_000, maxWaitMs });
    expect(await turn(0)).toEqual({ isAcquired: true, waitMs: 0 });
    const second = await turn(60_000);
    const third = await turn(60_000);
    expect([second.isAcquired, third.isAcquired]).toEqual([true, true]);
    expect(second.waitMs).toBeLessThanOrEqual(10_000);
    expect(third.waitMs - second.waitMs).toBeGreaterThan(5_000);
    expect((await turn(1_000)).isAcquired).toBe(false);
    // A negative maximum wait acquires no slot.
    const asked = await turn(-1);
    expect(asked.isAcquired).toBe(false);
    expect((await turn(-1)).waitMs).toBeLessThanOrEqual(asked.waitMs);
  });

  it("the store marks a one-time value as used once", async () => {
    const value = newKey();
    expect(await store().markUsed("state", value, 60_000)).toBe(true);
    expect(await store().markUsed("state", value, 60_000)).toBe(false);
    expect(await store().claimOnce("state", value, { owner: "a", leaseMs: 60_000 })).toBe("used");
    expect(await store().markUsed("logout-token", value, 60_000)).toBe(true);
  });

  it("a one-time value is claimed by one owner, again after a release, and never after completion", async () => {
    const value = newKey();
    const claim = (owner: string) => store().claimOnce("logout-token", value, { owner, leaseMs: 60_000 });
    const claims = await Promise.all(Array.from({ length: 20 }, (_, n) => claim(`owner-${n}`)));
    expect(claims.filter((each) => each === "claimed")).toHaveLength(1);
    expect(claims.filter((each) => each === "busy")).toHaveLength(19);
    const winner = `owner-${claims.indexOf("claimed")}`;
    await store().releaseClaim("logout-token", value, "another");
    expect(await claim("second")).toBe("busy");
    await store().releaseClaim("logout-token", value, winner);
    expect(await claim("second")).toBe("claimed");
    await store().completeClaim("logout-token", value, 60_000);
    await store().releaseClaim("logout-token", value, "second");
    expect(await claim("second")).toBe("used");
    expect(await claim("third")).toBe("used");
  });

  it("the lease of a claim expires if its owner stops", async () => {
    const value = newKey();
    expect(await store().claimOnce("logout-token", value, { owner: "dead", leaseMs: 30 })).toBe("claimed");
    await expect
      .poll(() => store().claimOnce("logout-token", value, { owner: "next", leaseMs: 60_000 }))
      .toBe("claimed");
    expect(await store().markUsed("logout-token", value, 60_000)).toBe(false);
  });

  it("a session expires at its idle limit and at its absolute limit", async () => {
    const [idle, absolute] = [newKey(), newKey()];
    await store().create({ ...record(idle), idleMs: 30 });
    await store().create({ ...record(absolute), maxMs: 30 });
    await expect.poll(() => store().read(idle)).toBeUndefined();
    await store().slide(absolute);
    await expect.poll(() => store().read(absolute)).toBeUndefined();
  });

  it("the store notifies every listener of an end once, with its reason, and of nothing else", async () => {
    const received: string[] = [];
    const stop = store().onSessionEnd({
      onEnd: (ended, reason) => received.push(`${ended} ${reason}`),
      onResubscribe() {},
    });
    const [key, other, idle] = [newKey(), newKey(), newKey()];
    await store().create(record(key));
    await store().create({ ...record(idle), idleMs: 20 });
    // Another listener is notified first: a listener of the same store added too late would receive nothing either.
    await expect
      .poll(async () => {
        const probe = newKey();
        await store().create(record(probe));
        await store().end(probe, "limit");
        return received.length;
      })
      .toBeGreaterThan(0);
    received.length = 0;
    await store().end(other, "logout");
    await store().slide(key);
    await store().end(key, "revoked");
    await store().end(key, "logout");
    await expect.poll(() => store().read(idle)).toBeUndefined();
    await expect.poll(() => received.filter((each) => !each.endsWith("limit"))).toEqual([`${key} revoked`]);
    stop();
    const unsubscribedKey = newKey();
    await store().create(record(unsubscribedKey));
    await store().end(unsubscribedKey, "logout");
    expect(received.some((each) => each.startsWith(unsubscribedKey))).toBe(false);
  });

  it("limitsOf returns the limits of a session without its record", async () => {
    const key = newKey();
    await store().create(record(key));
    const limits = (await store().limitsOf(key))!;
    expect(limits.idleExpiresInMs).toBeGreaterThan(59_000);
    expect(limits.idleExpiresInMs).toBeLessThanOrEqual(60_000);
    expect(limits.expiresInMs).toBeGreaterThan(119_000);
    expect(limits.idleMs).toBe(60_000);
    await store().end(key, "logout");
    expect(await store().limitsOf(key)).toBeUndefined();
  });

  it("the store returns the known record object on a conditional read of an unchanged record, and never a changed one", async () => {
    const key = newKey();
    await store().create(record(key));
    const first = await store().read(key);
    expect(await store().read(key, first)).toBe(first);
    await store().claimRefresh(key, { owner: "me", tokenVersion: 1, leaseMs: 60_000, graceMs: 0 });
    await store().saveTokens(key, "me", "sealed-2");
    const second = await store().read(key, first);
    expect(second).toMatchObject({ tokens: "sealed-2", tokenVersion: 2 });
    await store().end(key, "logout");
    expect(await store().read(key, second)).toBeUndefined();
  });

  it("the store saves a session record together with the token set", async () => {
    const key = newKey();
    await store().create(record(key));
    const first = await store().read(key);
    await store().claimRefresh(key, { owner: "me", tokenVersion: 1, leaseMs: 60_000, graceMs: 0 });
    expect(await store().saveTokens(key, "other", "sealed-x", { session: '{"n":9}' })).toBe(false);
    expect(await store().read(key, first)).toBe(first);
    expect(await store().saveTokens(key, "me", "sealed-2", { session: '{"n":2}' })).toBe(true);
    const second = { session: '{"n":2}', tokens: "sealed-2", tokenVersion: 2 };
    expect(await store().read(key, first)).toMatchObject(second);
    expect(await store().readWithTimes(key)).toMatchObject(second);
  });

  it("the store replaces a session record only while its token set has the version, and never recreates it", async () => {
    const key = newKey();
    await store().create(record(key));
    const first = await store().read(key);
    expect(await store().saveSession(key, 2, '{"n":9}')).toBe(false);
    expect(await store().read(key, first)).toBe(first);
    expect(await store().saveSession(key, 1, '{"n":2}')).toBe(true);
    expect(await store().read(key, first)).toMatchObject({ session: '{"n":2}', tokens: "sealed-1", tokenVersion: 1 });
    await store().end(key, "logout");
    expect(await store().saveSession(key, 1, '{"n":3}')).toBe(false);
    expect(await store().read(key)).toBeUndefined();
  });

  it("check reports no error for a usable store", async () => {
    expect(await store().check()).toBeUndefined();
  });
});

describe("the redis store", () => {
  it("the Redis store returns the known record object only while no other instance has changed it", async () => {
    const [mine, theirs] = [
      createRedisStore({ application: testApplication, url: redis.url, timeoutMs: 1_000 }),
      stores["redis"]!(),
    ];
    await new Promise((ready) => mine.client.once("ready", ready));
    const key = newKey();
    await theirs.create(record(key));
    const first = await mine.read(key);
    expect(first).toMatchObject({ tokens: "sealed-1", tokenVersion: 1 });
    expect(await mine.read(key, first)).toBe(first);
    await theirs.claimRefresh(key, { owner: "them", tokenVersion: 1, leaseMs: 60_000, graceMs: 0 });
    await theirs.saveTokens(key, "them", "sealed-2");
    const second = await mine.read(key, first);
    expect(second).toMatchObject({ tokens: "sealed-2", tokenVersion: 2 });
    await theirs.end(key, "logout");
    expect(await mine.read(key, second)).toBeUndefined();
    await mine.close();
  });

  it("the Redis store reads a record of a release that stored no revision", async () => {
    const store = stores["redis"]!() as ReturnType<typeof createRedisStore>;
    const key = newKey();
    await store.create(record(key));
    await store.client.hdel(`cloakroom:test:{${key}}:session`, "e");
    const first = await store.read(key);
    expect(await store.read(key, first)).toMatchObject({ tokens: "sealed-1" });
    await store.client.hset(`cloakroom:test:{${key}}:session`, "t", "sealed-2", "v", 2);
    expect(await store.read(key, first)).toMatchObject({ tokens: "sealed-2", tokenVersion: 2 });
  });

  it("check reports a server that would evict sessions", async () => {
    const evicting = await startRedis(["--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru"]);
    const store = createRedisStore({ application: testApplication, url: evicting.url, timeoutMs: 1_000 });
    await new Promise((ready) => store.client.once("ready", ready));
    expect(await store.check()).toMatch(/maxmemory-policy allkeys-lru/);
    await store.close();
    await evicting.stop();
  });

  it("the Redis store throws store_unavailable immediately while Redis is down, within the deadline while it is frozen, and recovers", async () => {
    const own = await startRedis();
    const store = createRedisStore({ application: testApplication, url: own.url, timeoutMs: 300 });
    await new Promise((ready) => store.client.once("ready", ready));
    const key = newKey();
    await store.create(record(key));

    own.pause();
    await expect(store.read(key)).rejects.toMatchObject({ code: "store_unavailable" });
    own.resume();
    await expect.poll(() => store.read(key).catch(() => undefined), { timeout: 5_000 }).toBeDefined();

    await own.kill();
    await expect(store.read(key)).rejects.toMatchObject({ code: "store_unavailable" });
    await own.start();
    await expect.poll(() => store.read(key).catch(() => undefined), { timeout: 10_000 }).toBeDefined();
    await store.close();
    await own.stop();
  });
});
