// Refresh rate limiter: at most N refreshes per second over several gateways on one real Redis.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRedisStore } from "../../src/store/redis/redis-store.ts";
import { createAccessTokenFor } from "../../src/tokens/access-token.ts";
import { createRefresh } from "../../src/tokens/refresh.ts";
import { type RefreshAtProvider } from "../../src/tokens/refresh-outcomes.ts";
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

const timing = { leaseMs: 5_000, graceMs: 50, pollMs: 10, waitMs: 5_000, retryWritesMs: 5_000 };
const vault = createVault(sealersOf(testKeys));

/** Renews every refresh token and records when. */
function recordingProvider() {
  const requests: { refreshToken: string; atMs: number }[] = [];
  const refresh: RefreshAtProvider = async (refreshToken) => {
    requests.push({ refreshToken, atMs: performance.now() });
    const grant = { accessToken: "access-new", refreshToken: "refresh-new", idToken: undefined, scope: undefined };
    return { kind: "renewed", grant: { ...grant, expiresInSeconds: 300 } };
  };
  return { provider: { refresh }, requests };
}

function gateway(index: number, provider: { refresh: RefreshAtProvider }, { perSecond = 20, waitMs = 5_000 } = {}) {
  const store = stores[index % stores.length]!;
  const rateLimiter = createRefreshRateLimiter({ store, log: silentLog, perSecond });
  const endSession = async () => true;
  const refresh = createRefresh({ store, vault, log: silentLog, provider, endSession, timing, rateLimiter });
  return createAccessTokenFor({ refresh, rateLimiter, waitMs, clock: store });
}

const dueTokens = () => ({ ...expiredTokens(), refreshAtMs: Date.now() - 1_000, usableUntilMs: Date.now() + 60_000 });

describe("refresh rate limiter", () => {
  it("refreshes that requests wait for are spaced out over all gateways, and all succeed", async () => {
    const { provider, requests } = recordingProvider();
    const gateways = [gateway(0, provider), gateway(1, provider)];
    const sessions = await Promise.all(Array.from({ length: 12 }, () => storeSession(stores[0]!)));
    const results = await Promise.all(sessions.map(async (session, n) => gateways[n % 2]!(session)));
    expect(new Set(results.map(({ kind }) => kind))).toEqual(new Set(["ready"]));
    expect(requests).toHaveLength(12);
    // 12 refreshes, 11 intervals of 50 ms; timers may fire a millisecond early.
    expect(requests.at(-1)!.atMs - requests[0]!.atMs).toBeGreaterThan(11 * 50 - 25);
  });

  it("background refreshes are spaced out while requests use the current token", async () => {
    const { provider, requests } = recordingProvider();
    const gateways = [gateway(0, provider), gateway(1, provider)];
    const sessions = await Promise.all(Array.from({ length: 12 }, () => storeSession(stores[0]!, dueTokens())));
    const results = await Promise.all(sessions.map(async (session, n) => gateways[n % 2]!(session)));
    expect(new Set(results.map((each) => JSON.stringify(each)))).toEqual(
      new Set([JSON.stringify({ kind: "ready", accessToken: "access-1" })]),
    );
    await expect.poll(() => requests.length, { timeout: 10_000 }).toBe(12);
    expect(requests.at(-1)!.atMs - requests[0]!.atMs).toBeGreaterThan(11 * 50 - 25);
  });

  it("a refresh that a request waits for overtakes queued background refreshes", async () => {
    const { provider, requests } = recordingProvider();
    const accessTokenFor = gateway(0, provider, { perSecond: 5 });
    const due = await Promise.all(Array.from({ length: 6 }, () => storeSession(stores[0]!, dueTokens())));
    for (const session of due) await accessTokenFor(session);
    const expired = await storeSession(stores[0]!, expiredTokens("expired"));
    expect(await accessTokenFor(expired)).toMatchObject({ kind: "ready" });
    expect(requests.map(({ refreshToken }) => refreshToken).indexOf("expired")).toBeLessThan(5);
  });

  it("a request that waits too long gets 503, and its refresh still completes", async () => {
    const { provider, requests } = recordingProvider();
    const slot = { intervalMs: 1_000, maxWaitMs: 60_000 };
    while ((await stores[0]!.acquireRefreshSlot(slot)).waitMs < 500);
    const accessTokenFor = gateway(0, provider, { perSecond: 1, waitMs: 20 });
    const session = await storeSession(stores[0]!);
    expect(await accessTokenFor(session)).toEqual({ kind: "unavailable", retryAfterSeconds: 5 });
    expect(requests).toHaveLength(0);
    await expect.poll(() => requests.length, { timeout: 10_000 }).toBe(1);
    await expect.poll(async () => (await stores[0]!.read(session.key))!.tokenVersion).toBe(2);
  });

  it("the lease is released when the next free slot is too far away", async () => {
    const { provider, requests } = recordingProvider();
    const session = await storeSession(stores[0]!);
    const refresh = createRefresh({
      ...{ store: stores[0]!, vault, log: silentLog, provider, timing },
      endSession: async () => true,
      rateLimiter: { acquireSlot: async () => false },
    });
    expect(await refresh(session)).toMatchObject({ kind: "unavailable" });
    expect(requests).toHaveLength(0);
    expect(await gateway(1, provider, { perSecond: 0 })(session)).toMatchObject({ kind: "ready" });
  });
});
