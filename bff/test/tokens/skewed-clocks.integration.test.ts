// Clock skew: instances whose clocks differ by up to a minute share tokens on one real Redis, by the clock of Redis.
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { createRedisStore } from "../../src/store/redis/redis-store.ts";
import { SESSION_COOKIE } from "../../src/session/cookies.ts";
import { sessionKeyOf } from "../../src/session/session.ts";
import { createAccessTokenFor } from "../../src/tokens/access-token.ts";
import { createRefresh } from "../../src/tokens/refresh.ts";
import { type RefreshableSession } from "../../src/tokens/refresh-outcomes.ts";
import { createRefreshRateLimiter } from "../../src/tokens/refresh-rate-limiter.ts";
import { createVault } from "../../src/tokens/vault.ts";
import { isDue, tokenSetFrom } from "../../src/tokens/token-set.ts";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";
import {
  expiredTokens,
  sealersOf,
  silentLog,
  storeSession,
  testApplication,
  testKeys,
} from "@cloakroom/testkit/stored-session.ts";
import { startTestSystem } from "@cloakroom/testkit/system.ts";

let redis: TestRedis;
let store: Awaited<ReturnType<typeof connect>>;
const vault = createVault(sealersOf(testKeys));
const timing = { leaseMs: 5_000, graceMs: 50, pollMs: 10, waitMs: 5_000, retryWritesMs: 5_000 };
/** Shorter than the clock skew. */
const LIFETIME_SECONDS = 25;
const USABLE_MS = 22_500;
/** Less than the clock skew, more than a slow machine needs. */
const NEAR_MS = 15_000;

async function connect(url: string) {
  const connected = createRedisStore({ application: testApplication, url, timeoutMs: 1_000 });
  await vi.waitFor(() => connected.check());
  return connected;
}

beforeAll(async () => {
  redis = await startRedis();
  store = await connect(redis.url);
});
afterEach(() => void vi.restoreAllMocks());
afterAll(async () => {
  await store.close();
  await redis.stop();
});

/** Shifts the local clock of this process. */
function shiftLocalClock(offSeconds: number): void {
  vi.restoreAllMocks();
  const real = Date.now;
  vi.spyOn(Date, "now").mockImplementation(() => real() + offSeconds * 1_000);
}

function gateway() {
  const spent: string[] = [];
  const rateLimiter = createRefreshRateLimiter({ store, log: silentLog, perSecond: 0 });
  const refresh = createRefresh({
    ...{ store, vault, log: silentLog, timing, rateLimiter, endSession: async () => true },
    provider: {
      async refresh(refreshToken) {
        spent.push(refreshToken);
        const grant = { accessToken: "access-new", refreshToken: "refresh-2", idToken: undefined, scope: undefined };
        return { kind: "renewed", grant: { ...grant, expiresInSeconds: LIFETIME_SECONDS } };
      },
    },
  });
  const accessTokenFor = createAccessTokenFor({ refresh, rateLimiter, waitMs: 5_000, clock: store });
  return { refresh, accessTokenFor, spent };
}

async function storedOf({ key, sessionId }: RefreshableSession): Promise<RefreshableSession["tokens"]> {
  return vault.open((await store.read(key))!.tokens, sessionId)!;
}

describe.each([30, -30])("an instance whose clock is off by %i s", (offSeconds) => {
  it("an instance with a skewed clock saves the expiry of renewed tokens by the clock of Redis", async () => {
    const { refresh } = gateway();
    const session = await storeSession(store);
    const expectedMs = Date.now() + USABLE_MS;
    shiftLocalClock(offSeconds);
    expect(await refresh(session)).toEqual({ kind: "ready", accessToken: "access-new" });
    expect(Math.abs((await storedOf(session)).usableUntilMs - expectedMs)).toBeLessThan(NEAR_MS);
  });

  it("an instance with a skewed clock refreshes an expired token once instead of using it", async () => {
    const { accessTokenFor, spent } = gateway();
    const session = await storeSession(store);
    shiftLocalClock(offSeconds);
    expect(await accessTokenFor(session)).toEqual({ kind: "ready", accessToken: "access-new" });
    expect(spent).toEqual(["refresh-1"]);
  });

  it("an instance with a skewed clock does not renew tokens that another instance has just renewed", async () => {
    const { accessTokenFor, refresh, spent } = gateway();
    const session = await storeSession(store);
    shiftLocalClock(-offSeconds);
    await refresh(session);
    const renewed = { ...session, tokens: await storedOf(session), tokenVersion: 2 };
    shiftLocalClock(offSeconds);
    expect(await accessTokenFor(renewed)).toEqual({ kind: "ready", accessToken: "access-new" });
    // Also with the token set that was read before the renewal.
    expect(await accessTokenFor(session)).toEqual({ kind: "ready", accessToken: "access-new" });
    expect(spent).toEqual(["refresh-1"]);
  });
});

it("tokens stored before the clock of Redis was set back are renewed once, in the background", async () => {
  const { accessTokenFor, spent } = gateway();
  const { accessToken, refreshToken, idToken, scope } = expiredTokens();
  const grant = { accessToken, refreshToken, idToken, scope, expiresInSeconds: LIFETIME_SECONDS };
  const nowMs = store.nowMs() + 60_000;
  const session = await storeSession(store, tokenSetFrom(grant, undefined, { nowMs, random: 0.5 }));
  expect(await accessTokenFor(session)).toEqual({ kind: "ready", accessToken: "access-1" });
  await expect.poll(async () => (await store.read(session.key))?.tokenVersion).toBe(2);
  const renewed = { ...session, tokens: await storedOf(session), tokenVersion: 2 };
  expect(isDue(renewed.tokens, store)).toBe(false);
  expect(await accessTokenFor(renewed)).toEqual({ kind: "ready", accessToken: "access-new" });
  expect(spent).toEqual(["refresh-1"]);
});

it("a login saves its time and the expiry of its tokens by the clock of Redis", async () => {
  const system = await startTestSystem({ lifetimes: { accessTokenSeconds: LIFETIME_SECONDS } });
  try {
    const nowMs = Date.now();
    shiftLocalClock(-25);
    const browser = system.browser();
    await browser.login();
    const sessionId = browser.cookies.get(SESSION_COOKIE)!;
    const stored = (await system.gateway.store.read(sessionKeyOf(sessionId)))!;
    expect(Math.abs(vault.open(stored.tokens, sessionId)!.usableUntilMs - USABLE_MS - nowMs)).toBeLessThan(NEAR_MS);
    const { createdAtMs } = JSON.parse(stored.session) as { createdAtMs: number };
    expect(Math.abs(createdAtMs - nowMs)).toBeLessThan(NEAR_MS);
    const { session } = (await (await browser.fetch("/bff/user")).json()) as { session: Record<string, string> };
    expect(Math.abs(Date.parse(session["expiresAt"]!) - 28_800_000 - nowMs)).toBeLessThan(NEAR_MS);
  } finally {
    await system.stop();
  }
});
