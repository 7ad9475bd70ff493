// Token set: when it is renewed, and until when its access token is used.
import { describe, expect, it } from "vitest";
import { isDue, tokenSetFrom, type TokenGrant } from "../../src/tokens/token-set.ts";

const grantWith = (changes: Partial<TokenGrant> = {}): TokenGrant => ({
  ...{ accessToken: "access", refreshToken: "refresh", idToken: "id", scope: "openid", expiresInSeconds: 300 },
  ...changes,
});
const clockAt = (nowMs: number, setBackAtMs = -Infinity) => ({ nowMs: () => nowMs, setBackAtMs: () => setBackAtMs });
const at = (random: number, changes?: Partial<TokenGrant>) =>
  tokenSetFrom(grantWith(changes), undefined, { nowMs: 0, random });

describe("a token set", () => {
  it.each([
    [10, 6_500, 8_500],
    [300, 216_000, 264_000],
    [36_000, 35_916_000, 35_964_000],
    [undefined, 39_000, 51_000],
  ])(
    "a token set of %s seconds is due before its expiry, at a moment that varies by up to 40 percent",
    (seconds, first, last) => {
      const dueMs = [1, 0.75, 0.5, 0.25, 0].map((random) => at(random, { expiresInSeconds: seconds }).refreshAtMs);
      expect(new Set(dueMs).size).toBe(dueMs.length);
      expect([dueMs[0], dueMs.at(-1)]).toEqual([first, last]);
    },
  );

  it.each([
    [2, 1_800],
    [30, 27_000],
    [300, 295_000],
  ])("a token set of %i seconds is used until a margin before its expiry", (seconds, usableMs) => {
    expect(at(0, { expiresInSeconds: seconds }).usableUntilMs).toBe(usableMs);
  });

  it("a token set is due no later than the end of its use, also with a lifetime of 0 or 1 s", () => {
    for (const expiresInSeconds of [0, 1, 5, 60])
      for (const random of [0, 0.5, 1]) {
        const { refreshAtMs, usableUntilMs } = at(random, { expiresInSeconds });
        expect(refreshAtMs).toBeLessThanOrEqual(usableUntilMs);
      }
  });

  it("a token set is due when it was stored more than 2 s in the future (clock was set back)", () => {
    const tokens = tokenSetFrom(grantWith(), undefined, { nowMs: 100_000, random: 0.5 });
    const dueAt = [97_000, 99_000, 100_000, 339_000, 341_000].map((nowMs) => isDue(tokens, clockAt(nowMs)));
    expect(dueAt).toEqual([true, false, false, false, true]);
    // Token sets of an older release have no `storedAtMs`.
    const { storedAtMs: _, ...older } = tokens;
    expect(isDue(older, clockAt(97_000))).toBe(false);
  });

  it("a token set is due when it was stored before the clock was set back, until it is renewed", () => {
    const dueIf = (setBackAtMs: number) => {
      const tokens = tokenSetFrom(grantWith(), undefined, { nowMs: 100_000, random: 0.5 });
      return isDue(tokens, clockAt(150_000, setBackAtMs));
    };
    expect([-Infinity, 99_999, 100_000, 100_001].map(dueIf)).toEqual([false, false, false, true]);
  });

  it("a token set keeps refresh token, ID token and scope that a refresh response omits (RFC 6749 §6)", () => {
    const bare = grantWith({ accessToken: "new", refreshToken: undefined, idToken: undefined, scope: undefined });
    expect(tokenSetFrom(bare, at(0), { nowMs: 0, random: 0 })).toMatchObject({
      ...{ accessToken: "new", refreshToken: "refresh", idToken: "id", scope: "openid" },
    });
    expect(tokenSetFrom(bare, undefined, { nowMs: 0, random: 0 }).refreshToken).toBeUndefined();
  });
});
