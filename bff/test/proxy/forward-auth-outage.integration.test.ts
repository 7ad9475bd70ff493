// Forward-auth while Redis or the provider does not respond, and after a logout.
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { callForwardAuth } from "@cloakroom/testkit/forward-auth-calls.ts";
import { startTestSystem, type TestSystem } from "@cloakroom/testkit/system.ts";
import type { TestBrowser } from "@cloakroom/testkit/browser.ts";

let system: TestSystem;
beforeAll(async () => {
  const env = { FORWARD_AUTH_LISTEN: "127.0.0.1:0", FORWARD_AUTH_PROXY: "nginx", SESSION_CACHE_SECONDS: "0" };
  system = await startTestSystem({ env });
});
afterAll(() => system.stop());

function call(browser: TestBrowser, mode = "cors") {
  const { gateway } = system;
  const headers = [
    ["Cookie", [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; ")],
    ["X-CSRF", "1"],
    ["Sec-Fetch-Site", "same-origin"],
    ["Sec-Fetch-Mode", mode],
  ] as const;
  const host = new URL(gateway.config.publicOrigin).host;
  return callForwardAuth(gateway.forwardAuthOrigin, "nginx", { target: "/api/x", host, headers });
}

async function loggedIn(): Promise<TestBrowser> {
  const browser = system.browser();
  await browser.login();
  return browser;
}

describe("while Redis is unavailable", () => {
  it.each(["cors", "navigate"])(
    "a request with mode %s gets a 503 with Retry-After, and the session stays",
    async (mode) => {
      const browser = await loggedIn();
      await system.redis.kill();
      const { status, headers, body } = await call(browser, mode);
      expect(status).toBe(503);
      expect(headers["x-auth-status"]).toBe("503");
      expect(Number(headers["retry-after"])).toBeGreaterThan(0);
      expect(headers["set-cookie"]).toBeUndefined();
      expect(headers.location).toBeUndefined();
      expect(JSON.parse(body)).toMatchObject({ code: "store_unavailable" });
      await system.redis.start();
      await expect.poll(async () => (await call(browser)).status).toBe(200);
    },
  );
});

describe("while the provider is unavailable", () => {
  it("a request with an expired access token gets a 503, and the session stays", async () => {
    const { provider } = system;
    const { accessTokenSeconds } = provider.lifetimes;
    provider.lifetimes.accessTokenSeconds = 1;
    const browser = await loggedIn();
    provider.faults.set({ endpoint: "token", status: 503, body: "{}" });
    onTestFinished(() => {
      provider.faults.clear();
      provider.lifetimes.accessTokenSeconds = accessTokenSeconds;
    });
    await expect.poll(async () => (await call(browser)).status, { timeout: 15_000 }).toBe(503);
    const { headers, body } = await call(browser);
    expect(Number(headers["retry-after"])).toBeGreaterThan(0);
    expect(JSON.parse(body)).toMatchObject({ code: "provider_unavailable" });
    provider.faults.clear();
    await expect.poll(async () => (await call(browser)).status, { timeout: 15_000 }).toBe(200);
  });
});

it("a logout applies to the next request (I2)", async () => {
  const browser = await loggedIn();
  expect((await call(browser)).status).toBe(200);
  const { cookies } = browser;
  const before = new Map(cookies);
  expect((await browser.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } })).status).toBe(
    200,
  );
  for (const [name, value] of before) cookies.set(name, value);
  expect((await call(browser)).status).toBe(401);
});
