// POST /bff/logout, GET /bff/logout/provider and GET /bff/logout/return.
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { createProvider } from "../../src/provider/provider.ts";
import { startGateway } from "@cloakroom/testkit/test-gateway.ts";
import { silentLog } from "@cloakroom/testkit/stored-session.ts";
import { startTestSystem, userOf, type TestSystem } from "@cloakroom/testkit/system.ts";

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ instances: 2 });
});
afterAll(() => system.stop());

const logout = (browser: ReturnType<TestSystem["browser"]>) =>
  browser.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });

describe("logout", () => {
  it("a logout ends the session on every instance and returns the end-session URL, without a revocation", async () => {
    const browser = system.browser();
    await browser.login();
    const stolen = browser.cookies.get("__Host-Http-session")!;
    const revocations = system.provider.count("revocation");
    const response = await logout(browser);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ location: "/bff/logout/provider" });
    const onTheWay = await browser.navigate("/bff/logout/provider", { "sec-fetch-site": "same-origin" });
    expect(onTheWay.status).toBe(303);
    const target = new URL(onTheWay.headers.get("location")!);
    expect(target.href).toContain(`${system.provider.issuer}/session/end`);
    expect(target.searchParams.get("post_logout_redirect_uri")).toBe(
      `${system.gateway.config.publicOrigin}/bff/logout/return`,
    );
    expect(system.provider.issuedTokens().idTokens).toContain(target.searchParams.get("id_token_hint"));
    // At Keycloak a revocation would end the user's other sessions and log this logout as an error.
    expect(system.provider.count("revocation")).toBe(revocations);
    expect(response.headers.get("clear-site-data")).toContain("cache");
    expect(browser.cookies.has("__Host-Http-session")).toBe(false);
    for (const gateway of system.gateways) {
      const thief = system.browser("alice", gateway);
      thief.cookies.set("__Host-Http-session", stolen);
      expect(await userOf(thief)).toBeUndefined();
      const response = await thief.fetch("/api/x");
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({
        code: "session_revoked",
        loginUrl: expect.stringContaining("/bff/login"),
      });
    }
  });

  describe("a logout reaches the end-session endpoint and revokes only a refresh token that outlives the session", () => {
    type Metadata = Record<string, unknown>;
    /** A second instance with other metadata of the same provider. */
    const instanceWith = async (change: (original: Metadata) => Metadata) => {
      const { provider, redis, gateway } = system;
      const original = (await (await fetch(`${provider.issuer}/.well-known/openid-configuration`)).json()) as Metadata;
      provider.faults.set({
        endpoint: "discovery",
        status: 200,
        contentType: "application/json",
        body: JSON.stringify(change(original)),
      });
      const instance = await startGateway({
        issuer: provider.issuer,
        clientId: "cloakroom",
        clientSecret: "a-client-secret-of-the-tests",
        redisUrl: redis.url,
        publicOrigin: gateway.config.publicOrigin,
      });
      onTestFinished(() => {
        provider.faults.clear();
        return instance.stop();
      });
      return instance;
    };
    const without = (name: string) => (original: Metadata) => ({ ...original, [name]: undefined });

    it.each<[string, (original: Metadata) => Metadata, number | undefined, number]>([
      ["the provider supports back-channel logout with sid", (original) => original, undefined, 0],
      ["backchannel_logout_session_supported is absent", without("backchannel_logout_session_supported"), undefined, 1],
      [
        "backchannel_logout_session_supported is false",
        (original) => ({ ...original, backchannel_logout_session_supported: false }),
        undefined,
        1,
      ],
      ["the revocation fails with 400", without("backchannel_logout_session_supported"), 400, 1],
      ["the revocation fails with 503", without("backchannel_logout_session_supported"), 503, 1],
      [
        "there is no revocation endpoint",
        (original) => without("revocation_endpoint")(without("backchannel_logout_session_supported")(original)),
        undefined,
        0,
      ],
    ])("a logout reaches the end-session endpoint when %s", async (_what, change, rejection, expected) => {
      const instance = await instanceWith(change);
      const browser = system.browser("alice", instance);
      await browser.login();
      if (rejection !== undefined)
        system.provider.faults.set({ endpoint: "revocation", status: rejection, body: "{}" });
      const before = system.provider.count("revocation");
      await browser.fetch("/bff/logout", { method: "POST", headers: { accept: "text/html" } });
      const onTheWay = await browser.navigate("/bff/logout/provider");
      expect(onTheWay.headers.get("location")).toContain(`${system.provider.issuer}/session/end?`);
      expect(system.provider.count("revocation")).toBe(before + expected);
    });

    it("an offline token is revoked because it outlives the session", async () => {
      const { config } = system.gateway;
      const provider = createProvider({
        config: config.provider,
        log: silentLog,
        publicOrigin: config.publicOrigin,
      });
      expect(provider.endsTokensWithSession("openid")).toBe(false);
      await provider.check();
      expect(provider.endsTokensWithSession("openid")).toBe(true);
      expect(provider.endsTokensWithSession("openid offline_access")).toBe(false);
    });
  });

  it("I1: a JSON logout response contains no ID token; the sealed cookie is used once", async () => {
    const browser = system.browser();
    await browser.login();
    const response = await logout(browser);
    const [cookie = ""] = response.headers.getSetCookie().filter((line) => line.startsWith("__Host-Http-logout="));
    expect(cookie).toMatch(/; path=\/;/i);
    expect(cookie).toMatch(/secure/i);
    expect(cookie).toMatch(/httponly/i);
    expect(cookie).toMatch(/samesite=strict/i);
    const seen = JSON.stringify([[...response.headers], await response.text()]);
    for (const token of system.provider.issuedTokens().idTokens)
      for (const part of token.split(".").slice(1)) expect(seen).not.toContain(part);

    const sealed = browser.cookies.get("__Host-Http-logout")!;
    const first = await browser.navigate("/bff/logout/provider");
    expect(first.headers.get("location")).toContain("id_token_hint=");
    expect(browser.cookies.has("__Host-Http-logout")).toBe(false);
    const again = await browser.navigate("/bff/logout/provider");
    expect(again.headers.get("location")).toBe(`${system.gateway.config.publicOrigin}/`);
    browser.cookies.set("__Host-Http-logout", `${sealed.slice(0, -2)}AA`);
    const tampered = await browser.navigate("/bff/logout/provider");
    expect(tampered.headers.get("location")).not.toContain("id_token_hint");
  });

  it("a logout by a form is a page that continues to the provider without a script and without a cross-origin redirect", async () => {
    const browser = system.browser();
    await browser.login();
    const response = await browser.navigate("/bff/user");
    expect(response.status).toBe(403);
    const form = await browser.fetch("/bff/logout", {
      method: "POST",
      headers: { accept: "text/html", "content-type": "application/x-www-form-urlencoded", "x-csrf": "" },
    });
    expect([form.status, form.headers.get("location")]).toEqual([200, null]);
    expect(form.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(form.headers.get("content-security-policy")).toMatch(/^default-src 'none'; style-src 'sha256-/);
    expect(form.headers.get("clear-site-data")).toContain("cache");
    expect(form.headers.get("cache-control")).toBe("no-store");
    const html = await form.text();
    expect(html).toContain('<meta http-equiv="refresh" content="0;url=/bff/logout/provider">');
    expect(html).toContain('<a href="/bff/logout/provider">Continue</a>');
    for (const token of system.provider.issuedTokens().idTokens)
      for (const part of token.split(".").slice(1)) expect(html).not.toContain(part);
    expect(await userOf(browser)).toBeUndefined();
    const onTheWay = await browser.navigate("/bff/logout/provider", { "sec-fetch-site": "same-origin" });
    expect(onTheWay.headers.get("location")).toContain(`${system.provider.issuer}/session/end?`);
  });

  it("a logout without a session is 200", async () => {
    const response = await logout(system.browser());
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ location: `${system.gateway.config.publicOrigin}/` });
  });

  it("a logout from another site is 403, and by GET 405", async () => {
    const browser = system.browser();
    await browser.login();
    const foreign = await browser.fetch("/bff/logout", { method: "POST", headers: { "sec-fetch-site": "cross-site" } });
    expect(foreign.status).toBe(403);
    const sibling = await browser.fetch("/bff/logout", { method: "POST", headers: { "sec-fetch-site": "same-site" } });
    expect(sibling.status).toBe(403);
    expect((await browser.navigate("/bff/logout", { "sec-fetch-site": "same-origin" })).status).toBe(405);
    expect(await userOf(browser)).toBeDefined();
  });

  it("I2: requests in flight do not restore a session after its logout", async () => {
    const browser = system.browser();
    await browser.login();
    const stolen = browser.cookies.get("__Host-Http-session")!;
    const slow = Array.from({ length: 20 }, () => browser.fetch("/api/slow?holdMs=300"));
    const users = Array.from({ length: 20 }, () => browser.fetch("/bff/user"));
    await expect.poll(() => system.received.filter((each) => each.url.includes("holdMs")).length).toBe(20);
    await logout(browser);
    const late = await Promise.all([...slow, ...users]);
    for (const response of late) expect(response.headers.getSetCookie()).toEqual([]);
    const thief = system.browser("alice", system.gateways[1]);
    thief.cookies.set("__Host-Http-session", stolen);
    expect((await thief.fetch("/api/x")).status).toBe(401);
  });

  it("a logout while the provider is down ends the session and reports the provider as unreachable", async () => {
    const browser = system.browser();
    await browser.login();
    await system.provider.down();
    const response = await logout(browser);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ location: `${system.gateway.config.publicOrigin}/?provider=unreachable` });
    await system.provider.up();
    expect(await userOf(browser)).toBeUndefined();
  });

  it("a logout while Redis is down is 503 and keeps the session", async () => {
    const browser = system.browser();
    await browser.login();
    await system.redis.kill();
    const response = await logout(browser);
    expect(response.status).toBe(503);
    expect(response.headers.getSetCookie()).toEqual([]);
    await system.redis.start();
    await expect.poll(() => userOf(browser).catch(() => undefined), { timeout: 10_000 }).toBeDefined();
  });
});
