// The session cache through two real gateways on one Redis: what users and operators see of it.
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

/** How often Redis was asked for a session so far. */
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

/** Calls until a whole row of calls was answered without a question to Redis. */
async function fromMemory(browser: TestBrowser): Promise<void> {
  const asked = async () => {
    const before = await reads();
    for (let call = 0; call < 10; call++) expect(await status(browser)).toBe(200);
    return (await reads()) - before;
  };
  await expect.poll(asked, { timeout: 10_000, interval: 1 }).toBe(0);
}

describe("two gateways that keep sessions in memory", () => {
  it("answer without asking Redis, and I2: none accepts a session once its logout was acknowledged", async () => {
    for (let round = 0; round < 5; round++) {
      const browser = system.browser();
      await browser.login();
      for (const index of [0, 1]) await fromMemory(at(browser, index));
      const cookies = [...browser.cookies];
      const { status: answer } = await at(browser, 0).fetch("/bff/logout", {
        method: "POST",
        headers: { accept: "application/json" },
      });
      expect(answer).toBe(200);
      for (const [name, value] of cookies) browser.cookies.set(name, value);
      for (const index of [1, 0, 1]) {
        const refused = await at(browser, index).fetch("/api/x");
        expect(refused.status).toBe(401);
        expect(await refused.json()).toMatchObject({ code: "session_revoked" });
      }
    }
  });

  it("I2: a back-channel logout is acknowledged when no gateway accepts the session any more", async () => {
    const browser = system.browser("admin");
    await browser.login();
    for (const index of [0, 1]) await fromMemory(at(browser, index));
    const { user } = (await (await browser.fetch("/bff/user")).json()) as { user: { sub: string } };
    const body = new URLSearchParams({
      logout_token: await system.provider.logoutToken({ aud: "cloakroom", sub: user.sub }),
    });
    const answer = await fetch(`${system.gateways[0]!.origin}/bff/backchannel-logout`, { method: "POST", body });
    expect(answer.status).toBe(200);
    for (const index of [1, 0]) expect(await status(at(browser, index))).toBe(401);
  });

  it("keep a session alive that they serve from memory", async () => {
    const browser = system.browser();
    await browser.login();
    const key = sessionKeyOf(browser.cookies.get("__Host-Http-session")!);
    await fromMemory(at(browser, 1));
    const sinceUsed = async () => (await system.gateway.store.readWithTimes(key))!.usedAgoMs!;
    await expect.poll(sinceUsed, { timeout: 10_000 }).toBeGreaterThan(2_100);
    await status(browser);
    await expect.poll(sinceUsed).toBeLessThan(2_000);
  });

  it("say in the log and in /readyz when they do without, and go on", async () => {
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

  it("I2: whoever logs out again, a moment later, is not told so before no gateway can accept the session", async () => {
    // The other tests' user must not be barred from logging in.
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
