// I5 and I8: an outage ends no session, and the gateway recovers without a restart.
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
  // The token set is due when the next request arrives.
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

describe("Redis outage", () => {
  it.each(["killed", "frozen"])(
    "Redis %s: every route is 503 with Retry-After, no cookie changes, and requests succeed afterwards",
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

describe("an instance without the master key of another", () => {
  it("an instance without the master key of another responds 503 to the other's sessions, ends none and clears no cookie", async () => {
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

describe("provider outage", () => {
  it("requests with valid tokens succeed, with expired ones get 503, and no session ends", async () => {
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
    ["responses 500", { status: 500, body: "{}" }],
    ["responses HTML", { status: 200, body: "<html>busy</html>", contentType: "text/html" }],
    ["cuts the connection before it did anything", { resetBeforeProcessing: true }],
  ])('a refresh with the failure "%s" keeps the session', async (_how, fault) => {
    const browser = system.browser();
    await browser.login();
    system.provider.faults.set({ endpoint: "token", ...fault });
    await expect.poll(async () => (await browser.fetch("/api/x")).status, { timeout: 10_000 }).toBe(503);
    system.provider.faults.clear();
    await expect.poll(async () => (await browser.fetch("/api/x")).status, { timeout: 10_000 }).toBe(200);
    expect(system.provider.count("refresh-token-reuse")).toBe(0);
  });

  it("a refresh that is reset after the token was spent is tried once more, then the session ends with the reason", async () => {
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

describe("concurrent requests", () => {
  it("I4: 100 concurrent requests cause one refresh, repeatedly, and no request fails", async () => {
    const browser = system.browser();
    await browser.login();
    system.provider.resetCounts();
    for (let round = 0; round < 3; round++) {
      await nextRefreshDue(browser);
      const responses = await Promise.all(Array.from({ length: 100 }, () => browser.fetch("/api/x")));
      expect(new Set(responses.map((response) => response.status))).toEqual(new Set([200]));
    }
    expect(system.provider.count("refresh-token-reuse")).toBe(0);
  }, 40_000);
});

describe("responses", () => {
  it("I3: each response belongs to the user of its request, with two concurrent users", async () => {
    const [alice, admin] = [system.browser("alice"), system.browser("admin")];
    await alice.login();
    await admin.login();
    const expected = { alice: system.provider.user("alice")!.sub, admin: system.provider.user("admin")!.sub };
    const responses = await Promise.all(
      Array.from({ length: 200 }, async (_, n) => {
        const [who, browser] = n % 2 === 0 ? (["alice", alice] as const) : (["admin", admin] as const);
        const response = await browser.fetch(`/api/who?n=${n}`);
        const text = await response.text();
        if (text === "") throw new Error(`${response.status} ${JSON.stringify([...response.headers])}`);
        const body = JSON.parse(text) as { sub: string; url: string };
        return body.sub === expected[who] && body.url === `/who?n=${n}`;
      }),
    );
    expect(responses.every(Boolean)).toBe(true);
  });
});
