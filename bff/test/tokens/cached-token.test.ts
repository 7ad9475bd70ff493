// Cached token: its age is measured by two clocks, and the greater age counts.
import { describe, expect, it } from "vitest";
import { createCachedToken } from "../../src/tokens/cached-token.ts";

const MINUTE_MS = 60_000;

/** A cached token with a lifetime of one minute, and clocks that the test moves. */
function setup() {
  const clocks = { monotonic: 5_000, local: 1_000_000 };
  const provider = { requests: 0, isDown: false };
  const token = createCachedToken(
    async () => {
      provider.requests++;
      if (provider.isDown) throw new Error("down");
      const grant = { accessToken: `access-${provider.requests}`, refreshToken: undefined, idToken: undefined };
      return { ...grant, scope: undefined, expiresInSeconds: 60 };
    },
    { monotonicMs: () => clocks.monotonic, localMs: () => clocks.local },
  );
  const advance = (ms: number): void => {
    clocks.monotonic += ms;
    clocks.local += ms;
  };
  const valueOf = async (): Promise<string> => (await token()).accessToken;
  return { token, valueOf, clocks, provider, advance };
}

describe("a cached token", () => {
  it("a cached token is returned while usable, renewed in the background before its expiry, and not returned after it", async () => {
    const { token, valueOf, provider, advance } = setup();
    expect([await valueOf(), await valueOf(), provider.requests]).toEqual(["access-1", "access-1", 1]);
    advance(54_900);
    expect([await valueOf(), token.hasExpired(), provider.requests]).toEqual(["access-1", false, 2]);
    await expect.poll(valueOf).toBe("access-2");
    advance(55_000);
    expect(token.hasExpired()).toBe(true);
    expect(await valueOf()).toBe("access-3");
  });

  it("a cached token expires on time although the local clock is set back", async () => {
    const { token, valueOf, clocks, advance } = setup();
    await token();
    clocks.local -= 60 * MINUTE_MS;
    advance(MINUTE_MS);
    expect(token.hasExpired()).toBe(true);
    expect(await valueOf()).toBe("access-2");
  });

  it("a cached token expires on time although the monotonic clock stood still (suspended machine)", async () => {
    const { token, valueOf, clocks } = setup();
    await token();
    clocks.local += MINUTE_MS;
    expect(token.hasExpired()).toBe(true);
    expect(await valueOf()).toBe("access-2");
  });

  it.each([-60, 60])(
    "the token cache fails without a fetch for one second after a failed one, also when the clock is set by %i min",
    async (minutes) => {
      const { token, valueOf, clocks, provider, advance } = setup();
      provider.isDown = true;
      await expect(token()).rejects.toThrow("down");
      provider.isDown = false;
      clocks.local += minutes * MINUTE_MS;
      advance(999);
      await expect(token()).rejects.toThrow("down");
      expect(provider.requests).toBe(1);
      advance(1);
      expect(await valueOf()).toBe("access-2");
    },
  );
});
