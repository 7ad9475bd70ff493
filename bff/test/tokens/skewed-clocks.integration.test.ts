// Instances whose clocks are up to a minute apart spend the tokens that each other stored: on one real Redis, by its clock.
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { createRedisStore } from "../../src/store/redis/redis-store.ts";
import { SESSION_COOKIE } from "../../src/session/cookies.ts";
import { sessionKeyOf } from "../../src/session/session.ts";
import { createAccessTokenFor } from "../../src/tokens/access-token.ts";
import { createRefresh, type SpendingSession } from "../../src/tokens/refresh.ts";
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
const timing = { leaseMs: 5_000, graceMs: 50, pollMs: 10, waitMs: 5_000, saveMs: 5_000 };
/** Shorter than the clocks are off. */
const LIFETIME_SECONDS = 25;
const USABLE_MS = 22_500;
/** Less than the clocks are off, more than a machine is slow. */
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

/** From now on this process is an instance whose own clock is off by so much. */
function becomeInstance(offSeconds: number): void {
  vi.restoreAllMocks();
  const real = Date.now;
  vi.spyOn(Date, "now").mockImplementation(() => real() + offSeconds * 1_000);
}

function gateway() {
  const spent: string[] = [];
  const turns = createRefreshRateLimiter({ store, log: silentLog, perSecond: 0 });
  const refresh = createRefresh({
    ...{ store, vault, log: silentLog, timing, acquireSlot: turns.take, endSession: async () => true },
    async spend(refreshToken) {
      spent.push(refreshToken);
      const grant = { accessToken: "access-new", refreshToken: "refresh-2", idToken: undefined, scope: undefined };
      return { kind: "renewed", grant: { ...grant, expiresInSeconds: LIFETIME_SECONDS } };
    },
  });
  const accessTokenFor = createAccessTokenFor({ refresh, turns, waitMs: 5_000, clock: store });
  return { refresh, accessTokenFor, spent };
}

async function storedOf({ key, sessionId }: SpendingSession): Promise<SpendingSession["tokens"]> {
  return vault.open((await store.read(key))!.tokens, sessionId)!;
}

describe.each([30, -30])("an instance whose clock is %i s off", (offSeconds) => {
  it("stores until when the tokens that it renewed can be used as everybody else would", async () => {
    const { refresh } = gateway();
    const session = await storeSession(store);
    const dueMs = Date.now() + USABLE_MS;
    becomeInstance(offSeconds);
    expect(await refresh(session)).toEqual({ kind: "ready", accessToken: "access-new" });
    expect(Math.abs((await storedOf(session)).usableUntilMs - dueMs)).toBeLessThan(NEAR_MS);
  });

  it("hands out no token that has expired: it asks for a new one, once", async () => {
    const { accessTokenFor, spent } = gateway();
    const session = await storeSession(store);
    becomeInstance(offSeconds);
    expect(await accessTokenFor(session)).toEqual({ kind: "ready", accessToken: "access-new" });
    expect(spent).toEqual(["refresh-1"]);
  });

  it("does not renew what another one has just renewed", async () => {
    const { accessTokenFor, refresh, spent } = gateway();
    const session = await storeSession(store);
    becomeInstance(-offSeconds);
    await refresh(session);
    const renewed = { ...session, tokens: await storedOf(session), tokenVersion: 2 };
    becomeInstance(offSeconds);
    expect(await accessTokenFor(renewed)).toEqual({ kind: "ready", accessToken: "access-new" });
    // Also where it still has in hand what was there before.
    expect(await accessTokenFor(session)).toEqual({ kind: "ready", accessToken: "access-new" });
    expect(spent).toEqual(["refresh-1"]);
  });
});

it("tokens from before the clock of Redis was set back are renewed in the background, once", async () => {
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

it("a login stores by the clock of Redis until when its tokens can be used, and when it was", async () => {
  const system = await startTestSystem({ lifetimes: { accessTokenSeconds: LIFETIME_SECONDS } });
  try {
    const nowMs = Date.now();
    becomeInstance(-25);
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
