// I5 and I8: no outage signs anyone out, and everything heals without a restart.
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startGateway } from "@cloakroom/testkit/test-gateway.ts";
import { startTestSystem, userOf, type TestSystem } from "@cloakroom/testkit/system.ts";

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ lifetimes: { accessTokenSeconds: 4 } });
});
afterAll(() => system.stop());

const nextRefreshDue = async (browser: ReturnType<TestSystem["browser"]>) => {
  // The provider's clock decides: the token set is due when a request makes it refresh.
  const before = system.provider.count("token:refresh_token");
  await expect
    .poll(
      async () => {
        await browser.fetch("/api/x");
        return system.provider.count("token:refresh_token");
      },
      { timeout: 10_000 },
    )
    .toBeGreaterThan(before);
};

describe("while Redis is gone", () => {
  it.each(["killed", "frozen"])(
    "%s: 503 with Retry-After everywhere, no cookie touched, healed afterwards",
    async (how) => {
      const browser = system.browser();
      await browser.login();
      const cookie = browser.cookies.get("__Host-Http-session");
      if (how === "killed") await system.redis.kill();
      else system.redis.pause();
      for (const path of ["/api/x", "/bff/user"]) {
        const response = await browser.fetch(path);
        expect(response.status, path).toBe(503);
        expect(response.headers.get("retry-after"), path).toMatch(/^\d+$/);
        expect(response.headers.getSetCookie(), path).toEqual([]);
        expect(await response.json()).toMatchObject({ code: "store_unavailable" });
      }
      const page = await browser.navigate("/bff/login");
      expect([303, 503]).toContain(page.status);
      if (how === "killed") await system.redis.start();
      else system.redis.resume();
      await expect.poll(async () => (await browser.fetch("/api/x")).status, { timeout: 10_000 }).toBe(200);
      expect(browser.cookies.get("__Host-Http-session")).toBe(cookie);
    },
  );
});

describe("an instance that lacks the master key of another", () => {
  it("answers 503 to the other's sessions, ends none and clears no cookie", async () => {
    const browser = system.browser();
    await browser.login();
    const { publicOrigin, provider } = system.gateway.config;
    const late = await startGateway({
      ...{ ...provider, redisUrl: system.redis.url, publicOrigin },
      env: { UPSTREAMS: "/api=http://127.0.0.1:1", SECRET_KEYS: randomBytes(32).toString("base64url") },
    });
    browser.useInstance(late.origin);
    const response = await browser.fetch("/api/x");
    expect(response.status).toBe(503);
    expect(response.headers.getSetCookie()).toEqual([]);
    browser.useInstance(system.gateway.origin);
    expect((await browser.fetch("/api/x")).status).toBe(200);
    await late.stop();
  });
});

describe("while the provider is gone", () => {
  it("keeps serving live tokens, answers 503 for expired ones, and signs nobody out", async () => {
    const browser = system.browser();
    await browser.login();
    expect((await browser.fetch("/api/x")).status).toBe(200);
    await system.provider.down();
    expect((await browser.fetch("/api/x")).status).toBe(200);
    await expect.poll(async () => (await browser.fetch("/api/x")).status, { timeout: 10_000 }).toBe(503);
    expect(await (await browser.fetch("/api/x")).json()).toMatchObject({ code: "provider_unavailable" });
    expect(await userOf(browser)).toBeDefined();
    expect((await browser.navigate("/bff/login")).status).toBe(503);
    await system.provider.up();
    await expect.poll(async () => (await browser.fetch("/api/x")).status, { timeout: 10_000 }).toBe(200);
  });

  it.each([
    ["answers 500", { status: 500, body: "{}" }],
    ["answers HTML", { status: 200, body: "<html>busy</html>", contentType: "text/html" }],
    ["cuts the connection before it did anything", { resetBeforeProcessing: true }],
  ])("%s at a refresh: the session survives", async (_how, fault) => {
    const browser = system.browser();
    await browser.login();
    system.provider.faults.set({ endpoint: "token", ...fault });
    await expect.poll(async () => (await browser.fetch("/api/x")).status, { timeout: 10_000 }).toBe(503);
    system.provider.faults.clear();
    await expect.poll(async () => (await browser.fetch("/api/x")).status, { timeout: 10_000 }).toBe(200);
    expect(system.provider.count("refresh-token-reuse")).toBe(0);
  });

  it("took the refresh token and cut the connection: one further attempt, then the session ends with its reason", async () => {
    const browser = system.browser();
    await browser.login();
    system.provider.faults.set({ endpoint: "token", resetAfterProcessing: true, times: 1 });
    await expect.poll(async () => (await browser.fetch("/api/x")).status, { timeout: 15_000 }).toBe(401);
    expect(await (await browser.fetch("/api/x")).json()).toMatchObject({ code: "session_expired" });
    const events = system.gateway.events("refresh_rejected");
    expect(events.at(-1)).toMatchObject({
      reason: expect.stringContaining("outcome of a previous attempt is unknown"),
    });
    system.provider.faults.clear();
  });
});

describe("a refresh", () => {
  it("I4: happens once for 100 parallel requests, time after time, and no request fails", async () => {
    const browser = system.browser();
    await browser.login();
    system.provider.resetCounts();
    for (let round = 0; round < 3; round++) {
      await nextRefreshDue(browser);
      const answers = await Promise.all(Array.from({ length: 100 }, () => browser.fetch("/api/x")));
      expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]));
    }
    expect(system.provider.count("refresh-token-reuse")).toBe(0);
  }, 40_000);
});

describe("answers", () => {
  it("I3: belong to the user who asked, with two users calling at once", async () => {
    const [alice, admin] = [system.browser("alice"), system.browser("admin")];
    await alice.login();
    await admin.login();
    const expected = { alice: system.provider.user("alice")!.sub, admin: system.provider.user("admin")!.sub };
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, n) => {
        const [who, browser] = n % 2 === 0 ? (["alice", alice] as const) : (["admin", admin] as const);
        const response = await browser.fetch(`/api/who?n=${n}`);
        const text = await response.text();
        if (text === "") throw new Error(`${response.status} ${JSON.stringify([...response.headers])}`);
        const body = JSON.parse(text) as { sub: string; url: string };
        return body.sub === expected[who] && body.url === `/who?n=${n}`;
      }),
    );
    expect(answers.every(Boolean)).toBe(true);
  });
});
