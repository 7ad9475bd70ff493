// The ceiling on refreshes at the provider: several gateways on one real Redis.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRedisStore } from "../../src/store/redis/redis-store.ts";
import { createAccessTokenFor } from "../../src/tokens/access-token.ts";
import { createRefresh, type SpendRefreshToken } from "../../src/tokens/refresh.ts";
import { createRefreshRateLimiter } from "../../src/tokens/refresh-rate-limiter.ts";
import { createVault } from "../../src/tokens/vault.ts";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";
import {
  expiredTokens,
  sealersOf,
  silentLog,
  storeSession,
  testApplication,
  testKeys,
} from "@cloakroom/testkit/stored-session.ts";

let redis: TestRedis;
let stores: Awaited<ReturnType<typeof connect>>[];

async function connect() {
  const store = createRedisStore({ application: testApplication, url: redis.url, timeoutMs: 1_000 });
  await new Promise((ready) => store.client.once("ready", ready));
  return store;
}
beforeAll(async () => {
  redis = await startRedis();
  stores = await Promise.all([connect(), connect()]);
});
afterAll(async () => {
  await Promise.all(stores.map((store) => store.close()));
  await redis.stop();
});

const timing = { leaseMs: 5_000, graceMs: 50, pollMs: 10, waitMs: 5_000, saveMs: 5_000 };
const vault = createVault(sealersOf(testKeys));

/** Renews whatever it is given, and notes when. */
function provider() {
  const asked: { refreshToken: string; atMs: number }[] = [];
  const spend: SpendRefreshToken = async (refreshToken) => {
    asked.push({ refreshToken, atMs: performance.now() });
    const grant = { accessToken: "access-new", refreshToken: "refresh-new", idToken: undefined, scope: undefined };
    return { kind: "renewed", grant: { ...grant, expiresInSeconds: 300 } };
  };
  return { spend, asked };
}

function gateway(index: number, spend: SpendRefreshToken, { perSecond = 20, waitMs = 5_000 } = {}) {
  const store = stores[index % stores.length]!;
  const turns = createRefreshRateLimiter({ store, log: silentLog, perSecond });
  const endSession = async () => true;
  const parts = { store, vault, log: silentLog, spend, endSession, timing, acquireSlot: turns.take };
  return createAccessTokenFor({ refresh: createRefresh(parts), turns, waitMs, clock: store });
}

const soon = () => ({ ...expiredTokens(), refreshAtMs: Date.now() - 1, usableUntilMs: Date.now() + 60_000 });

describe("the ceiling on refreshes", () => {
  it("keeps those that are waited for apart, over all gateways, and fails none", async () => {
    const { spend, asked } = provider();
    const gateways = [gateway(0, spend), gateway(1, spend)];
    const sessions = await Promise.all(Array.from({ length: 12 }, () => storeSession(stores[0]!)));
    const results = await Promise.all(sessions.map(async (session, n) => gateways[n % 2]!(session)));
    expect(new Set(results.map(({ kind }) => kind))).toEqual(new Set(["ready"]));
    expect(asked).toHaveLength(12);
    // Eleven distances of 50 ms; timers may fire a millisecond early.
    expect(asked.at(-1)!.atMs - asked[0]!.atMs).toBeGreaterThan(11 * 50 - 25);
  });

  it("spreads early ones while everybody goes on with their live token", async () => {
    const { spend, asked } = provider();
    const gateways = [gateway(0, spend), gateway(1, spend)];
    const sessions = await Promise.all(Array.from({ length: 12 }, () => storeSession(stores[0]!, soon())));
    const results = await Promise.all(sessions.map(async (session, n) => gateways[n % 2]!(session)));
    expect(new Set(results.map((each) => JSON.stringify(each)))).toEqual(
      new Set([JSON.stringify({ kind: "ready", accessToken: "access-1" })]),
    );
    await expect.poll(() => asked.length, { timeout: 10_000 }).toBe(12);
    expect(asked.at(-1)!.atMs - asked[0]!.atMs).toBeGreaterThan(11 * 50 - 25);
  });

  it("lets a session that is waited for go before the early ones", async () => {
    const { spend, asked } = provider();
    const accessTokenFor = gateway(0, spend, { perSecond: 5 });
    const early = await Promise.all(Array.from({ length: 6 }, () => storeSession(stores[0]!, soon())));
    for (const session of early) await accessTokenFor(session);
    const needed = await storeSession(stores[0]!, expiredTokens("needed"));
    expect(await accessTokenFor(needed)).toMatchObject({ kind: "ready" });
    expect(asked.map(({ refreshToken }) => refreshToken).indexOf("needed")).toBeLessThan(5);
  });

  it("tells a request that waited long enough to come back, and refreshes meanwhile", async () => {
    const { spend, asked } = provider();
    const turn = { intervalMs: 1_000, maxWaitMs: 60_000 };
    while ((await stores[0]!.acquireRefreshSlot(turn)).waitMs < 500);
    const accessTokenFor = gateway(0, spend, { perSecond: 1, waitMs: 20 });
    const session = await storeSession(stores[0]!);
    expect(await accessTokenFor(session)).toEqual({ kind: "unavailable", retryAfterSeconds: 5 });
    expect(asked).toHaveLength(0);
    await expect.poll(() => asked.length, { timeout: 10_000 }).toBe(1);
    await expect.poll(async () => (await stores[0]!.read(session.key))!.tokenVersion).toBe(2);
  });

  it("gives the lease back where its turn is too far off", async () => {
    const { spend, asked } = provider();
    const session = await storeSession(stores[0]!);
    const refresh = createRefresh({
      ...{ store: stores[0]!, vault, log: silentLog, spend, timing },
      endSession: async () => true,
      acquireSlot: async () => false,
    });
    expect(await refresh(session)).toMatchObject({ kind: "unavailable" });
    expect(asked).toHaveLength(0);
    expect(await gateway(1, spend, { perSecond: 0 })(session)).toMatchObject({ kind: "ready" });
  });
});
