// Refresh under a lease: several gateways, each with its own connection, on one real Redis.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRedisStore } from "../../src/store/redis/redis-store.ts";
import { createAccessTokenFor } from "../../src/tokens/access-token.ts";
import { createRefresh } from "../../src/tokens/refresh.ts";
import {
  type RefreshOutcome,
  type RefreshTiming,
  type RefreshableSession,
  type RefreshAtProvider,
} from "../../src/tokens/refresh-outcomes.ts";
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

async function connect(url: string) {
  const store = createRedisStore({ application: testApplication, url, timeoutMs: 1_000 });
  await new Promise((ready) => store.client.once("ready", ready));
  return store;
}

beforeAll(async () => {
  redis = await startRedis();
  stores = await Promise.all([connect(redis.url), connect(redis.url), connect(redis.url)]);
});
afterAll(async () => {
  await Promise.all(stores.map((store) => store.close()));
  await redis.stop();
});

const timing: RefreshTiming = { leaseMs: 300, graceMs: 50, pollMs: 10, waitMs: 5_000, retryWritesMs: 5_000 };
const vault = createVault(sealersOf(testKeys));

/** A provider with refresh token rotation: it rejects a refresh token that is used twice. */
function rotatingProvider(delayMs = 20) {
  const spent: string[] = [];
  const refresh: RefreshAtProvider = async (refreshToken) => {
    const reused = spent.includes(refreshToken);
    spent.push(refreshToken);
    await sleep(delayMs);
    return reused ? { kind: "rejected", reason: "reuse" } : renewed(spent.length);
  };
  return { refresh, spent };
}
const renewed = (n: number): RefreshOutcome => ({
  kind: "renewed",
  grant: {
    accessToken: `access-new-${n}`,
    refreshToken: `refresh-new-${n}`,
    idToken: undefined,
    expiresInSeconds: 300,
    scope: undefined,
  },
});

function gateway(
  index: number,
  refreshAtProvider: RefreshAtProvider,
  change: Partial<RefreshTiming> & { perSecond?: number; keys?: Buffer[] } = {},
) {
  const store = stores[index % stores.length]!;
  const rateLimiter = createRefreshRateLimiter({ store, log: silentLog, perSecond: change.perSecond ?? 0 });
  const ended: string[] = [];
  const refresh = createRefresh({
    store,
    vault: change.keys === undefined ? vault : createVault(sealersOf(change.keys)),
    log: silentLog,
    provider: { refresh: refreshAtProvider },
    rateLimiter,
    timing: { ...timing, ...change },
    endSession: async (key, reason) => {
      ended.push(reason);
      return (await store.end(key, reason)) !== undefined;
    },
  });
  const accessTokenFor = createAccessTokenFor({ refresh, rateLimiter, waitMs: 5_000, clock: store });
  return { refresh, accessTokenFor, ended, store };
}

describe("refresh", () => {
  it("I4: 300 concurrent requests over three gateways spend the refresh token once", async () => {
    const provider = rotatingProvider(120);
    const gateways = [0, 1, 2].map((n) => gateway(n, provider.refresh));
    const session = await storeSession(stores[0]!);
    const results = await Promise.all(
      Array.from({ length: 300 }, async (_, n) => gateways[n % 3]!.accessTokenFor({ ...session })),
    );
    expect(provider.spent).toEqual(["refresh-1"]);
    expect(new Set(results.map((result) => JSON.stringify(result)))).toEqual(
      new Set([JSON.stringify({ kind: "ready", accessToken: "access-new-1" })]),
    );
  });

  it("sessions that are renewed at the same moment become due at different moments", async () => {
    const { refresh, store } = gateway(0, rotatingProvider().refresh);
    const sessions = await Promise.all(
      Array.from({ length: 8 }, (_, n) => storeSession(store, expiredTokens(`r-${n}`))),
    );
    await Promise.all(sessions.map(refresh));
    const earlyMs = sessions.map(async ({ key, sessionId }) => {
      const { refreshAtMs, usableUntilMs } = vault.open((await store.read(key))!.tokens, sessionId)!;
      return usableUntilMs - refreshAtMs;
    });
    expect(new Set(await Promise.all(earlyMs)).size).toBe(8);
  });

  it("the holder renews its lease while the provider takes longer than the lease", async () => {
    const provider = rotatingProvider(timing.leaseMs * 4);
    const session = await storeSession(stores[0]!);
    const [first, second] = await Promise.all([
      gateway(0, provider.refresh).refresh(session),
      gateway(1, provider.refresh).refresh(session),
    ]);
    expect(provider.spent).toHaveLength(1);
    expect([first!.kind, second!.kind]).toEqual(["ready", "ready"]);
  });

  it("a token that is due is returned at once and renewed in the background", async () => {
    const provider = rotatingProvider();
    const { accessTokenFor, store } = gateway(0, provider.refresh);
    const due = { ...expiredTokens(), refreshAtMs: Date.now() - 1_000, usableUntilMs: Date.now() + 60_000 };
    const session = await storeSession(store, due);
    expect(await accessTokenFor(session)).toEqual({ kind: "ready", accessToken: "access-1" });
    await expect.poll(async () => (await store.read(session.key))?.tokenVersion).toBe(2);
    expect(provider.spent).toEqual(["refresh-1"]);
  });

  it("a refresh that the provider rejects ends the session with reason refresh_rejected", async () => {
    const { refresh, ended, store } = gateway(0, async () => ({ kind: "rejected", reason: "invalid_grant" }));
    const session = await storeSession(store);
    expect(await refresh(session)).toEqual({ kind: "signed-out", reason: "refresh-rejected" });
    expect(ended).toEqual(["refresh_rejected"]);
    expect(await store.endReason(session.key)).toBe("refresh_rejected");
  });

  it("a rejected refresh keeps a session that another instance has renewed in the meantime", async () => {
    const session = await storeSession(stores[0]!);
    const { refresh, ended, store } = gateway(0, async () => {
      // The holder is suspended: another owner takes over its lease and saves a token set.
      await expect
        .poll(() =>
          stores[1]!.claimRefresh(session.key, { owner: "other", tokenVersion: 1, leaseMs: 5_000, graceMs: 50 }),
        )
        .toMatchObject({ kind: "claimed" });
      const tokens = { ...expiredTokens("refresh-2"), accessToken: "access-2", usableUntilMs: Date.now() + 60_000 };
      await stores[1]!.saveTokens(session.key, "other", vault.seal(tokens, session.sessionId));
      return { kind: "rejected", reason: "invalid_grant" };
    });
    await withoutRenewal(store, async () => {
      expect(await refresh(session)).toEqual({ kind: "ready", accessToken: "access-2" });
    });
    expect(ended).toEqual([]);
  });

  it("I5: a session that another instance renewed under an unknown master key is kept (503)", async () => {
    const keys = { keys: [Buffer.from("key-that-only-one-instance-has-1"), ...testKeys] };
    const renewElsewhere = async (session: RefreshableSession) =>
      expect((await gateway(1, async () => renewed(1), keys).refresh(session)).kind).toBe("ready");
    const unavailable = { kind: "unavailable", retryAfterSeconds: 5 };

    const renewedBefore = await storeSession(stores[0]!);
    const late = gateway(0, async () => renewed(1));
    await renewElsewhere(renewedBefore);
    expect(await late.refresh(renewedBefore)).toEqual(unavailable);

    const renewedMeanwhile = await storeSession(stores[0]!);
    const rejected = gateway(0, async () => {
      await renewElsewhere(renewedMeanwhile);
      return { kind: "rejected", reason: "invalid_grant" };
    });
    await withoutRenewal(rejected.store, async () => {
      expect(await rejected.refresh(renewedMeanwhile)).toEqual(unavailable);
    });
    expect([...late.ended, ...rejected.ended]).toEqual([]);
  });

  it("a holder that lost its lease cannot write (fencing)", async () => {
    const session = await storeSession(stores[0]!);
    const { refresh, store } = gateway(0, async () => {
      await expect
        .poll(() =>
          stores[1]!.claimRefresh(session.key, { owner: "other", tokenVersion: 1, leaseMs: 5_000, graceMs: 50 }),
        )
        .toMatchObject({ kind: "claimed" });
      return renewed(9);
    });
    await withoutRenewal(store, async () => {
      expect(await refresh(session)).toMatchObject({ kind: "unavailable" });
    });
    expect((await store.read(session.key))?.tokenVersion).toBe(1);
  });

  it("a session that ends during its refresh stays ended", async () => {
    const session = await storeSession(stores[0]!);
    const { refresh, store } = gateway(0, async () => {
      await stores[1]!.end(session.key, "logout");
      return renewed(9);
    });
    expect(await refresh(session)).toEqual({ kind: "signed-out", reason: "no-tokens" });
    expect(await store.read(session.key)).toBeUndefined();
  });

  it.each([
    ["unspent", "provider is down"],
    ["unknown", "connection reset"],
  ] as const)("an attempt with outcome %s (%s) keeps the session, and the next one succeeds", async (kind, _fault) => {
    const outcomes: RefreshOutcome[] = [{ kind, reason: "test" }, renewed(2)];
    const { refresh, ended, store } = gateway(0, async () => outcomes.shift()!);
    const session = await storeSession(store);
    expect(await refresh(session)).toEqual({ kind: "unavailable", retryAfterSeconds: 1 });
    expect(await refresh(session)).toEqual({ kind: "ready", accessToken: "access-new-2" });
    expect(ended).toEqual([]);
  });

  it("one further attempt is made after the holder of the lease was killed", async () => {
    const provider = rotatingProvider();
    const session = await storeSession(stores[0]!);
    await stores[0]!.claimRefresh(session.key, {
      owner: "killed",
      tokenVersion: 1,
      leaseMs: timing.leaseMs,
      graceMs: 50,
    });
    expect(await gateway(1, provider.refresh).refresh(session)).toMatchObject({ kind: "ready" });
    expect(provider.spent).toEqual(["refresh-1"]);
  });

  it("a renewed token set that Redis could not save is saved when Redis is back", async () => {
    const own = await startRedis();
    const store = createRedisStore({ application: testApplication, url: own.url, timeoutMs: 200 });
    await new Promise((ready) => store.client.once("ready", ready));
    const session = await storeSession(store);
    let spent = 0;
    const refresh = createRefresh({
      store,
      vault,
      log: silentLog,
      rateLimiter: { acquireSlot: async () => true },
      // Retries are far apart, so that the second request comes before the first retry.
      timing: { ...timing, leaseMs: 1, pollMs: 2_000 },
      endSession: async () => false,
      provider: {
        refresh: async () => {
          spent += 1;
          await own.kill();
          return renewed(7);
        },
      },
    });
    await expect(refresh(session)).rejects.toMatchObject({ code: "store_unavailable" });
    await own.start();
    await expect.poll(() => store.read(session.key).catch(() => undefined), { timeout: 10_000 }).toBeDefined();
    // The lease has expired and the write is still pending: this request must not spend refresh-1 again.
    expect(await refresh(session)).toEqual({ kind: "ready", accessToken: "access-new-7" });
    expect(vault.open((await store.read(session.key))!.tokens, session.sessionId)).toMatchObject({
      refreshToken: "refresh-new-7",
    });
    expect(spent).toBe(1);
    await store.close();
    await own.stop();
  });
});

/** Simulates a suspended holder: its lease is not renewed. */
async function withoutRenewal(store: { renewRefresh: unknown }, run: () => Promise<void>): Promise<void> {
  const original = store.renewRefresh;
  store.renewRefresh = async () => false;
  try {
    await run();
  } finally {
    store.renewRefresh = original;
  }
}
