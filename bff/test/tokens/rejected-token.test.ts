// When a rejected access token is renewed: intervals, clocks, and the limits of accessTokenFor.
import { describe, expect, it } from "vitest";
import { expiredTokens, sealersOf, silentLog, storeSession, testKeys } from "@cloakroom/testkit/stored-session.ts";
import { createMemoryStore } from "../../src/store/memory-store.ts";
import { createAccessTokenFor } from "../../src/tokens/access-token.ts";
import { createRefresh } from "../../src/tokens/refresh.ts";
import { type AccessTokenResult, type RefreshableSession } from "../../src/tokens/refresh-outcomes.ts";
import { mayForceRenewal, nextForcedRenewal, type ForcedRenewal } from "../../src/tokens/rejected-token.ts";
import type { TokenSet } from "../../src/tokens/token-set.ts";
import { createVault } from "../../src/tokens/vault.ts";

const NOW = 1_700_000_000_000;

describe("the interval between forced renewals", () => {
  it("the interval between forced renewals is zero once, then doubles from 5 seconds to 5 minutes", () => {
    const intervals: number[] = [];
    let last: ForcedRenewal | undefined;
    let nowMs = NOW;
    expect(mayForceRenewal(last, nowMs)).toBe(true);
    for (const _ of Array.from({ length: 9 })) {
      last = nextForcedRenewal(last, nowMs);
      let seconds = 0;
      while (!mayForceRenewal(last, nowMs + seconds * 1000)) seconds++;
      intervals.push(seconds);
      nowMs += seconds * 1000;
    }
    expect(intervals).toEqual([0, 5, 10, 20, 40, 80, 160, 300, 300]);
  });

  it.each([
    [1, 59, 2],
    [1, 61, 1],
    [5, 79, 6],
    [5, 81, 1],
    [8, 599, 9],
    [8, 601, 1],
  ])("after renewal %i, a rejection %i seconds later is number %i", (count, seconds, expected) => {
    const nowMs = NOW + seconds * 1000;
    expect(nextForcedRenewal({ atMs: NOW, count }, nowMs)).toEqual({ atMs: nowMs, count: expected });
  });

  it("the interval between forced renewals allows a renewal every minute to tokens that live for a minute", () => {
    let last: ForcedRenewal | undefined;
    for (const minute of Array.from({ length: 20 }).keys()) {
      const nowMs = NOW + minute * 60_500;
      expect(mayForceRenewal(last, nowMs)).toBe(true);
      last = nextForcedRenewal(last, nowMs);
    }
  });

  it("the interval between forced renewals is not prolonged by a clock that is set back", () => {
    expect(mayForceRenewal({ atMs: NOW, count: 2 }, NOW - 3_600_000)).toBe(true);
    expect(mayForceRenewal({ atMs: NOW, count: 2 }, NOW - 1_000)).toBe(false);
  });
});

describe("accessTokenFor with a rejected token", () => {
  const session = (tokens: Partial<TokenSet> = {}): RefreshableSession => ({
    ...{ sessionId: "id", key: "key", handle: "handle", issuer: "https://provider.test", subject: "alice" },
    ...{ record: "{}", tokenVersion: 1 },
    tokens: {
      ...{ accessToken: "old", refreshToken: "refresh-1", idToken: "", scope: "openid" },
      ...{ refreshAtMs: NOW + 60_000, usableUntilMs: NOW + 60_000 },
      ...tokens,
    },
  });
  const RENEWED: AccessTokenResult = { kind: "ready", accessToken: "new" };
  const setUp = (result: AccessTokenResult = RENEWED) => {
    const refreshed: (boolean | undefined)[] = [];
    const accessTokenFor = createAccessTokenFor({
      refresh: async ({ isForced }) => {
        refreshed.push(isForced);
        return result;
      },
      rateLimiter: { nextSlotInMs: async () => 0, intervalMs: 0 },
      waitMs: 1_000,
      clock: { nowMs: () => NOW, setBackAtMs: () => -Infinity },
    });
    return { accessTokenFor, refreshed };
  };

  it("accessTokenFor is synchronous without a rejected token, and with another one than the session's", () => {
    const { accessTokenFor, refreshed } = setUp();
    expect(accessTokenFor(session())).toEqual({ kind: "ready", accessToken: "old" });
    expect(accessTokenFor(session(), "older")).toEqual({ kind: "ready", accessToken: "old" });
    expect(refreshed).toEqual([]);
  });

  it("concurrent calls share one forced refresh", async () => {
    const { accessTokenFor, refreshed } = setUp();
    const results = await Promise.all(Array.from({ length: 50 }, async () => accessTokenFor(session(), "old")));
    expect(new Set(results.map((result) => JSON.stringify(result)))).toEqual(new Set([JSON.stringify(RENEWED)]));
    expect(refreshed).toEqual([true]);
  });

  it.each<[string, Partial<TokenSet>]>([
    ["without a refresh token", { refreshToken: undefined }],
    ["within the interval after a forced refresh", { forced: { atMs: NOW - 4_000, count: 2 } }],
  ])("%s the token is returned without a refresh", async (_when, tokens) => {
    const { accessTokenFor, refreshed } = setUp();
    expect(await accessTokenFor(session(tokens), "old")).toEqual({ kind: "ready", accessToken: "old" });
    expect(refreshed).toEqual([]);
  });

  it("a refresh that failed is not tried again for the same token", async () => {
    const { accessTokenFor, refreshed } = setUp({ kind: "unavailable", retryAfterSeconds: 1 });
    expect((await accessTokenFor(session(), "old")).kind).toBe("unavailable");
    expect(await accessTokenFor(session(), "old")).toEqual({ kind: "ready", accessToken: "old" });
    expect((await accessTokenFor(session({ accessToken: "next" }), "next")).kind).toBe("unavailable");
    expect(refreshed).toHaveLength(2);
  });
});

it("a forced refresh waits for a slot of the rate limit for a second at most, and is tried again later", async () => {
  const store = createMemoryStore();
  const vault = createVault(sealersOf(testKeys));
  const waits: (number | undefined)[] = [];
  let refreshes = 0;
  const refresh = createRefresh({
    ...{ store, vault, log: silentLog, endSession: async () => true },
    timing: { leaseMs: 1_000, graceMs: 50, pollMs: 10, waitMs: 1_000, retryWritesMs: 1_000 },
    provider: {
      async refresh() {
        refreshes++;
        const grant = { accessToken: "access-2", refreshToken: undefined, idToken: undefined, scope: undefined };
        return { kind: "renewed", grant: { ...grant, expiresInSeconds: 300 } };
      },
    },
    rateLimiter: {
      async acquireSlot(maxWaitMs) {
        waits.push(maxWaitMs);
        return waits.length > 1;
      },
    },
  });
  const usable = { ...expiredTokens(), refreshAtMs: Date.now() + 60_000, usableUntilMs: Date.now() + 60_000 };
  const session = { ...(await storeSession(store, usable, vault)), isForced: true };
  expect(await refresh(session)).toEqual({ kind: "ready", accessToken: "access-1", proofKey: undefined });
  expect(refreshes).toBe(0);
  expect(await refresh(session)).toMatchObject({ accessToken: "access-2" });
  expect(waits).toEqual([1_000, 1_000]);
  await store.close();
});
