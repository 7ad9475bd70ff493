// A token that one process keeps for itself: its age is measured by two clocks, and the one that says "older" is believed.
import { describe, expect, it } from "vitest";
import { keepToken } from "../../src/tokens/cached-token.ts";

const MINUTE_MS = 60_000;

/** A provider that grants tokens of a minute, to a process whose two clocks the test moves. */
function kept() {
  const clocks = { monotonic: 5_000, local: 1_000_000 };
  const provider = { asked: 0, isDown: false };
  const token = keepToken(
    async () => {
      provider.asked++;
      if (provider.isDown) throw new Error("down");
      const grant = { accessToken: `access-${provider.asked}`, refreshToken: undefined, idToken: undefined };
      return { ...grant, scope: undefined, expiresInSeconds: 60 };
    },
    { monotonicMs: () => clocks.monotonic, localMs: () => clocks.local },
  );
  const pass = (ms: number): void => {
    clocks.monotonic += ms;
    clocks.local += ms;
  };
  return { token, clocks, provider, pass };
}

describe("a kept token", () => {
  it("is used while it is good, renewed in the background before it is not, and never used after", async () => {
    const { token, provider, pass } = kept();
    expect([await token(), await token(), provider.asked]).toEqual(["access-1", "access-1", 1]);
    pass(54_900);
    expect([await token(), token.hasExpired(), provider.asked]).toEqual(["access-1", false, 2]);
    await expect.poll(() => token()).toBe("access-2");
    pass(55_000);
    expect(token.hasExpired()).toBe(true);
    expect(await token()).toBe("access-3");
  });

  it("lives no longer where the local clock is set back", async () => {
    const { token, clocks, pass } = kept();
    await token();
    clocks.local -= 60 * MINUTE_MS;
    pass(MINUTE_MS);
    expect(token.hasExpired()).toBe(true);
    expect(await token()).toBe("access-2");
  });

  it("lives no longer where the monotonic clock stood still: the machine was suspended", async () => {
    const { token, clocks } = kept();
    await token();
    clocks.local += MINUTE_MS;
    expect(token.hasExpired()).toBe(true);
    expect(await token()).toBe("access-2");
  });

  it.each([-60, 60])(
    "is asked for a second after a failure, also where the clock is set by %i min",
    async (minutes) => {
      const { token, clocks, provider, pass } = kept();
      provider.isDown = true;
      await expect(token()).rejects.toThrow("down");
      provider.isDown = false;
      clocks.local += minutes * MINUTE_MS;
      pass(999);
      await expect(token()).rejects.toThrow("down");
      expect(provider.asked).toBe(1);
      pass(1);
      expect(await token()).toBe("access-2");
    },
  );
});
