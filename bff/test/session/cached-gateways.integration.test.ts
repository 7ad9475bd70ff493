// Session cache of two gateways on one Redis.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { createRedisStore } from "../../src/store/redis/redis-store.ts";
import { sessionKeyOf } from "../../src/session/session.ts";
import { MAX_STALENESS_MS } from "../../src/store/store.ts";
import type { TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startTestSystem, type TestSystem } from "@cloakroom/testkit/system.ts";

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ instances: 2, env: { SESSION_IDLE_SECONDS: "60" } });
});
afterAll(() => system.stop());

const clientOf = (index: number) => (system.gateways[index]!.store as ReturnType<typeof createRedisStore>).client;

/** Number of session reads that Redis has received. */
async function reads(): Promise<number> {
  const stats = await clientOf(0).info("commandstats");
  const calls = ["hget", "hmget", "evalsha"].map((name) => new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1]);
  return calls.reduce((sum, count) => sum + Number(count ?? 0), 0);
}

const at = (browser: TestBrowser, index: number): TestBrowser => {
  browser.useInstance(system.gateways[index]!.origin);
  return browser;
};
const status = async (browser: TestBrowser) => (await browser.fetch("/api/x")).status;

/** Few enough that a busy machine can prove the cache fresh (MAX_STALENESS_MS) for all of them. */
const CALLS = 4;

/** Repeats the calls until a series of them causes no read in Redis. */
async function fromMemory(browser: TestBrowser): Promise<void> {
  const asked = async () => {
    const before = await reads();
    for (let call = 0; call < CALLS; call++) expect(await status(browser)).toBe(200);
    return (await reads()) - before;
  };
  await expect.poll(asked, { timeout: 30_000, interval: 1 }).toBe(0);
}

describe("session cache of two gateways", { timeout: 120_000 }, () => {
  it("I2: requests are served from the cache, and no gateway accepts a session after its acknowledged logout", async () => {
    for (let round = 0; round < 5; round++) {
      const browser = system.browser();
      await browser.login();
      for (const index of [0, 1]) await fromMemory(at(browser, index));
      const cookies = [...browser.cookies];
      const { status: response } = await at(browser, 0).fetch("/bff/logout", {
        method: "POST",
        headers: { accept: "application/json" },
      });
      expect(response).toBe(200);
      for (const [name, value] of cookies) browser.cookies.set(name, value);
      for (const index of [1, 0, 1]) {
        const rejected = await at(browser, index).fetch("/api/x");
        expect(rejected.status).toBe(401);
        expect(await rejected.json()).toMatchObject({ code: "session_revoked" });
      }
    }
  });

  it("I2: a back-channel logout is acknowledged only when no gateway accepts the session", async () => {
    const browser = system.browser("admin");
    await browser.login();
    for (const index of [0, 1]) await fromMemory(at(browser, index));
    const { user } = (await (await browser.fetch("/bff/user")).json()) as { user: { sub: string } };
    const body = new URLSearchParams({
      logout_token: await system.provider.logoutToken({ aud: "cloakroom", sub: user.sub }),
    });
    const response = await fetch(`${system.gateways[0]!.origin}/bff/backchannel-logout`, { method: "POST", body });
    expect(response.status).toBe(200);
    for (const index of [1, 0]) expect(await status(at(browser, index))).toBe(401);
  });

  it("a session served from the cache is kept alive", async () => {
    const browser = system.browser();
    await browser.login();
    const key = sessionKeyOf(browser.cookies.get("__Host-Http-session")!);
    await fromMemory(at(browser, 1));
    const sinceUsed = async () => (await system.gateway.store.readWithTimes(key))!.usedAgoMs!;
    await expect.poll(sinceUsed, { timeout: 10_000 }).toBeGreaterThan(2_100);
    await status(browser);
    await expect.poll(sinceUsed).toBeLessThan(2_000);
  });

  it("an unavailable cache is reported in the log and in /readyz, and requests succeed", async () => {
    const browser = system.browser();
    await browser.login();
    await fromMemory(at(browser, 0));
    await clientOf(0).call("CLIENT", "KILL", "TYPE", "pubsub");
    const lines = () => system.gateway.log.filter((line) => line.includes("session cache bypassed"));
    await expect.poll(() => lines().length).toBe(1);
    expect(await status(browser)).toBe(200);
    await fromMemory(browser);
    expect(await system.gateway.readiness("session-cache")).toEqual({ status: "ok" });
  });

  it("I2: a repeated logout is acknowledged only when no gateway accepts the session", async () => {
    // A user of its own, because a logout of all sessions rejects logins of the same second.
    const browser = system.browser("admin");
    await browser.login();
    const { user } = (await (await browser.fetch("/bff/user")).json()) as { user: { sub: string } };
    const cookies = [...browser.cookies];
    const logOut = () =>
      at(browser, 0).fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });
    await logOut();
    for (const [name, value] of cookies) browser.cookies.set(name, value);
    let askedAtMs = performance.now();
    expect((await logOut()).status).toBe(200);
    expect(performance.now() - askedAtMs).toBeGreaterThan(MAX_STALENESS_MS);
    const logoutToken = await system.provider.logoutToken({ aud: "cloakroom", sub: user.sub });
    const body = new URLSearchParams({ logout_token: logoutToken });
    askedAtMs = performance.now();
    expect((await fetch(`${system.gateway.origin}/bff/backchannel-logout`, { method: "POST", body })).status).toBe(200);
    expect(performance.now() - askedAtMs).toBeGreaterThan(MAX_STALENESS_MS);
  });
});
