// A provider that is down is left alone, and found again (R-15: at most one probe a second and instance).
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBreaker } from "../../src/breaker.ts";
import { startWorld, type World } from "../support/world.ts";

describe("the breaker", () => {
  it("opens after the third failure in a row, lets one call a second through, and closes with the first answer", () => {
    let nowMs = 0;
    const breaker = createBreaker({ failuresToOpen: 3, probeEveryMs: 1_000, now: () => nowMs });
    for (let failure = 1; failure <= 3; failure++) {
      expect(breaker.isOpen(), `before failure ${failure}`).toBe(false);
      breaker.report(false);
    }
    expect(breaker.isOpen()).toBe(true);
    nowMs = 1_000;
    expect([breaker.isOpen(), breaker.isOpen()], "one probe").toEqual([false, true]);
    breaker.report(false);
    nowMs = 2_000;
    expect(breaker.isOpen()).toBe(false);
    breaker.report(true);
    expect([breaker.isOpen(), breaker.isOpen()]).toEqual([false, false]);
  });

  it("does not open for failures with answers between them", () => {
    const breaker = createBreaker({ failuresToOpen: 3, probeEveryMs: 1_000, now: () => 0 });
    for (let round = 0; round < 5; round++) {
      breaker.report(false);
      breaker.report(false);
      breaker.report(true);
    }
    expect(breaker.isOpen()).toBe(false);
  });
});

describe("a provider that answers 500", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ lifetimes: { accessTokenSeconds: 4 } });
  });
  afterAll(() => world.stop());

  it("is asked by few of the requests that need it, and every session survives", async () => {
    const browsers = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const browser = world.browser();
        await browser.login();
        return browser;
      }),
    );
    world.provider.faults.set({ endpoint: "token", status: 500, body: "{}" });
    for (const browser of browsers)
      await expect.poll(async () => (await browser.fetch("/api/x")).status, { timeout: 15_000 }).toBe(503);
    const before = world.provider.count("token");
    const startedMs = performance.now();
    for (let round = 0; round < 20; round++)
      for (const answer of await Promise.all(browsers.map((browser) => browser.fetch("/api/x"))))
        expect(answer.status).toBe(503);
    const seconds = (performance.now() - startedMs) / 1_000;
    expect(world.provider.count("token") - before).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
    world.provider.faults.clear();
    for (const browser of browsers)
      await expect.poll(async () => (await browser.fetch("/api/x")).status, { timeout: 15_000 }).toBe(200);
  }, 60_000);
});
