// INSECURE_COOKIES=loopback with browsers that store Secure cookies over http and with WebKit, which does not.
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { loadConfig } from "../../src/config/config.ts";
import { GatewayError } from "../../src/errors.ts";
import { SESSION_COOKIE } from "../../src/session/cookies.ts";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { startHostileProvider, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { userOf } from "@cloakroom/testkit/system.ts";

let provider: HostileProvider;
let gateway: TestGateway;
let strict: TestGateway;
let prefix: string;
beforeAll(async () => {
  provider = await startHostileProvider();
  gateway = await startGateway({ ...provider, env: { INSECURE_COOKIES: "loopback" } });
  strict = await startGateway(provider);
  prefix = `cloakroom-${new URL(gateway.origin).port}-`;
});
afterAll(async () => {
  await gateway.stop();
  await strict.stop();
  await provider.stop();
});

/** Drops Secure cookies before each request, as WebKit does over http. */
function webKit(at = gateway): TestBrowser {
  const browser = testBrowser(at.origin);
  const forget = () => {
    for (const name of browser.cookies.keys()) if (name.startsWith("__")) browser.cookies.delete(name);
  };
  return {
    ...browser,
    navigate: (...all) => browser.navigate(...all).finally(forget),
    fetch: (...all) => browser.fetch(...all).finally(forget),
    async loginAtProvider(query) {
      return browser.loginAtProvider(query).finally(forget);
    },
    async login(query) {
      const callback = await browser.loginAtProvider(query).finally(forget);
      return browser.navigate(callback, { "sec-fetch-site": "cross-site" }).finally(forget);
    },
  };
}

describe("a browser that does not store Secure cookies", () => {
  it("a browser that does not store Secure cookies logs in, stays logged in and logs out", async () => {
    const browser = webKit();
    expect((await browser.login("?returnTo=/profile")).headers.get("location")).toBe(`${gateway.origin}/profile`);
    const session = browser.cookies.get(`${prefix}session`)!;
    expect(await userOf(browser)).toBe("alice");
    const logout = await browser.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });
    expect(logout.status).toBe(200);
    expect([...browser.cookies.keys()].filter((name) => name.endsWith("session"))).toEqual([]);
    browser.cookies.set(`${prefix}session`, session);
    expect(await userOf(browser)).toBeUndefined();
  });

  it("a browser that does not store Secure cookies receives cookies that differ from the standard ones only in name and Secure", async () => {
    const browser = webKit();
    await browser.login();
    const attributesOf = (start: string) =>
      browser.setCookies
        .findLast((line) => line.startsWith(start))!
        .replace(/^[^=]*=/, "")
        .toLowerCase();
    for (const name of ["login-", "session"])
      expect(attributesOf(prefix + name)).toBe(attributesOf(`__Host-Http-${name}`).replace("; secure", ""));
    expect(attributesOf(`${prefix}session`)).toMatch(/; path=\/; expires=.*; samesite=strict; httponly$/);
    for (const line of browser.setCookies) expect(line).not.toMatch(/domain=/i);
  });

  it("a browser that does not store Secure cookies cannot complete a login of another browser", async () => {
    const callback = await webKit().loginAtProvider();
    const victim = webKit();
    await victim.loginAtProvider();
    expect((await victim.navigate(callback)).status).toBe(400);
  });

  it("a browser that does not store Secure cookies receives a page about blocked cookies if it stores no cookie at all", async () => {
    const browser = webKit();
    const callback = await browser.loginAtProvider();
    browser.cookies.clear();
    expect(await (await browser.navigate(callback)).text()).toContain("Cookies may be blocked");
  });

  it("a browser that does not store Secure cookies keeps its session cookie if the store cannot end the session (I5)", async () => {
    const browser = webKit();
    await browser.login();
    const end = vi.spyOn(gateway.store, "end").mockRejectedValue(new GatewayError("store_unavailable"));
    const logout = await browser.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });
    end.mockRestore();
    expect(logout.status).toBe(503);
    expect(await userOf(browser)).toBe("alice");
  });

  it("a browser that does not store Secure cookies receives 400 for a duplicate cookie, and the response removes it", async () => {
    const browser = webKit();
    await browser.login();
    const id = browser.cookies.get(`${prefix}session`)!;
    browser.cookies.set(`${prefix}session`, `${id}; ${prefix}session=${"A".repeat(43)}`);
    const response = await browser.fetch("/bff/user");
    expect(response.status).toBe(400);
    const lines = response.headers.getSetCookie().filter((line) => line.startsWith(prefix));
    expect(lines).toContain(`${prefix}session=; Path=/bff; Max-Age=0`);
    for (const line of lines) expect(line).not.toContain("Path=/;");
  });
});

describe("a browser that stores Secure cookies", () => {
  it("a browser that stores Secure cookies receives only the standard session cookie", async () => {
    const browser = testBrowser(gateway.origin);
    await browser.login();
    expect([...browser.cookies.keys()].filter((name) => name.endsWith("session"))).toEqual([SESSION_COOKIE]);
    expect(browser.setCookies.filter((line) => line.startsWith(`${prefix}session`))).toEqual([]);
    expect(await userOf(browser)).toBe("alice");
  });

  it("a browser that stores Secure cookies ignores an insecure cookie planted by another application on the host", async () => {
    const bob = webKit();
    provider.overrides = { claims: (original) => ({ ...original, sub: "bob" }) };
    await bob.login();
    provider.overrides = {};
    const browser = testBrowser(gateway.origin);
    await browser.login();
    browser.cookies.set(`${prefix}session`, bob.cookies.get(`${prefix}session`)!);
    expect(await userOf(browser)).toBe("alice");
  });

  it("a browser that stores Secure cookies loses the insecure copies of its login cookies at logout", async () => {
    const browser = testBrowser(gateway.origin);
    const other = await browser.loginAtProvider();
    await browser.login();
    await browser.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });
    expect([...browser.cookies.keys()].filter((name) => name.includes("login-"))).toEqual([]);
    expect((await browser.navigate(other)).status).toBe(400);
  });
});

describe("without INSECURE_COOKIES", () => {
  it("every cookie is Secure, and cookies of other names are ignored", async () => {
    const browser = testBrowser(strict.origin);
    await browser.login();
    for (const line of browser.setCookies) expect(line).toMatch(/^__Host-Http-.*; secure/);
    const { port } = new URL(strict.origin);
    const copy = testBrowser(strict.origin);
    copy.cookies.set(`cloakroom-${port}-session`, browser.cookies.get(SESSION_COOKIE)!);
    expect(await userOf(copy)).toBeUndefined();
  });

  it("a callback over http without cookies explains Secure cookies and offers no retry", async () => {
    const browser = webKit(strict);
    const response = await browser.login("?returnTo=/profile");
    expect(response.status).toBe(400);
    const page = await response.text();
    expect(page).toContain("Secure");
    expect(page).toContain("https");
    expect(page).not.toContain("/bff/login");
    expect(page).not.toContain("taken too long");
    expect(strict.events("login_failed").at(-1)?.["reason"]).toContain("no Secure cookie over http");
  });

  it("a callback over https without cookies lists the likely causes and offers a retry", async () => {
    const remote = await startGateway({
      ...provider,
      publicOrigin: "https://app.example.test",
      env: { OIDC_ISSUER: "https://id.example.test" },
    });
    const { state } = anyState();
    const browser = testBrowser(remote.origin, undefined, "https://app.example.test");
    const page = await (await browser.navigate(`/bff/callback?code=x&state=${state}`)).text();
    for (const cause of ["blocked", "another browser", "host name", "15 minutes"]) expect(page).toContain(cause);
    expect(page).toContain("/bff/login");
    await remote.stop();
  });

  it("an expired state is reported as expired", async () => {
    const { state } = anyState(Date.now() - 16 * 60_000);
    const browser = testBrowser(strict.origin);
    expect(await (await browser.navigate(`/bff/callback?code=x&state=${state}`)).text()).toContain("15 minutes");
    expect(strict.events("login_failed").at(-1)?.["reason"]).toContain("900 seconds");
  });
});

/** A text in the form of a state, whose id begins with its time. */
function anyState(startedAtMs = Date.now()) {
  const time = Math.floor(startedAtMs / 1000)
    .toString(36)
    .padStart(7, "0");
  return { state: `${time}0a1b2c3d.AAAAAA.${"A".repeat(80)}` };
}

describe("the check at the start", () => {
  const env = {
    OIDC_ISSUER: "https://id.example.test",
    OIDC_CLIENT_ID: "x",
    OIDC_CLIENT_SECRET: "a-client-secret-of-the-tests",
    SECRET_KEYS: Buffer.from("0123456789abcdef0123456789abcdef").toString("base64url"),
  };

  it.each(["https://app.example.test", "https://localhost:3000", "https://127.0.0.1", "http://app.example.test"])(
    "the start fails with insecure cookies on %s",
    (PUBLIC_ORIGIN) => {
      expect(() => loadConfig({ ...env, PUBLIC_ORIGIN, INSECURE_COOKIES: "loopback" })).toThrow(
        /INSECURE_COOKIES may be loopback only while PUBLIC_ORIGIN is http on a loopback host/,
      );
    },
  );

  it.each(["true", "always", "Loopback"])("the start fails with INSECURE_COOKIES=%s", (value) => {
    expect(() => loadConfig({ ...env, INSECURE_COOKIES: value })).toThrow(/INSECURE_COOKIES must be never or loopback/);
  });

  it.each(["http://localhost:3000", "http://127.0.0.1:3000", "http://[::1]:3000"])(
    "the gateway starts with insecure cookies on %s",
    (PUBLIC_ORIGIN) => {
      expect(loadConfig({ ...env, PUBLIC_ORIGIN, INSECURE_COOKIES: "loopback" }).insecureCookies).toBe(true);
      expect(loadConfig({ ...env, PUBLIC_ORIGIN }).insecureCookies).toBe(false);
    },
  );
});
