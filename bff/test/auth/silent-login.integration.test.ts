// SILENT_LOGIN: what the gateway offers to the app, and where failures of prompt=none lead.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startHostileProvider, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";

const COOKIE = "__Host-Http-silent-login";
let provider: HostileProvider;
let gateway: TestGateway;
beforeAll(async () => {
  provider = await startHostileProvider();
  gateway = await startGateway({ ...provider, env: { SILENT_LOGIN: "on" } });
});
beforeEach(() => {
  provider.overrides = {};
});
afterAll(async () => {
  await gateway.stop();
  await provider.stop();
});

const bodyOf = async (browser: TestBrowser) => (await browser.fetch("/bff/user")).json();
const offerOf = async (browser: TestBrowser) => ((await bodyOf(browser)) as { silentLogin?: string }).silentLogin;
const page = (path: string) => gateway.config.publicOrigin + path;

/** A browser to which the gateway offers a silent login. */
async function ready(): Promise<TestBrowser> {
  const browser = testBrowser(gateway.origin);
  await offerOf(browser);
  return browser;
}

const silently = (browser: TestBrowser) => browser.login("?prompt=none&returnTo=/page");

/** The provider rejects the login. */
const reject = (error: string) => {
  provider.overrides = { authorizationResponse: ({ state, iss }) => ({ state, iss, error }) };
};

describe("the offer of a silent login", () => {
  it("the offer of a silent login needs a browser that stores cookies", async () => {
    const browser = testBrowser(gateway.origin);
    expect(await offerOf(browser)).toBe("pending");
    expect(await offerOf(browser)).toBe("ready");
    browser.cookies.clear();
    expect(await offerOf(browser)).toBe("pending");
    expect(browser.setCookies.at(-1)).toMatch(
      /^__Host-Http-silent-login=ready; path=\/; .*samesite=strict; secure; httponly/i,
    );
  });

  it("the offer of a silent login is absent while SILENT_LOGIN is off, and no cookie is set", async () => {
    const off = await startGateway(provider);
    const browser = testBrowser(off.origin);
    expect(await bodyOf(browser)).toEqual({ user: null, session: null });
    await browser.login();
    await browser.fetch("/bff/logout", { method: "POST" });
    expect(browser.setCookies.filter((line) => line.startsWith(COOKIE))).toEqual([]);
    expect(await bodyOf(browser)).toEqual({ user: null, session: null });
    await off.stop();
  });

  it("the offer of a silent login is absent with a session", async () => {
    const browser = await ready();
    await browser.login();
    expect(await offerOf(browser)).toBeUndefined();
  });

  it.each([
    [
      "a logout by form",
      (browser: TestBrowser) => browser.fetch("/bff/logout", { method: "POST", headers: { accept: "text/html" } }),
    ],
    [
      "a logout by fetch",
      (browser: TestBrowser) =>
        browser.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } }),
    ],
    ["a logout everywhere", (browser: TestBrowser) => browser.fetch("/bff/sessions", { method: "DELETE" })],
  ])("the offer of a silent login is absent after %s, in every tab, until the next login", async (_what, logOut) => {
    const browser = await ready();
    await browser.login();
    expect((await logOut(browser)).status).toBeLessThan(400);
    expect([await offerOf(browser), await offerOf(browser)]).toEqual([undefined, undefined]);
    // The redirect from the provider is cross-site and does not carry the Strict cookie.
    const stopped = browser.cookies.get(COOKIE)!;
    browser.cookies.delete(COOKIE);
    const callback = await browser.loginAtProvider();
    browser.cookies.delete(COOKIE);
    const done = await browser.navigate(callback, { "sec-fetch-site": "cross-site" });
    expect([stopped, done.headers.getSetCookie().some((line) => line.startsWith(`${COOKIE}=;`))]).toEqual(["no", true]);
    browser.cookies.delete("__Host-Http-session");
    expect(await offerOf(browser)).toBe("pending");
  });

  it("the offer of a silent login is absent while the browser has the cookie of a session that was ended from elsewhere", async () => {
    const browser = await ready();
    await browser.login();
    const other = testBrowser(gateway.origin);
    await other.login();
    await other.fetch("/bff/sessions", { method: "DELETE" });
    expect(await offerOf(browser)).toBeUndefined();
  });

  it("the offer of a silent login is absent for a minute after a failed silent login", async () => {
    const browser = await ready();
    reject("login_required");
    await silently(browser);
    expect(await offerOf(browser)).toBeUndefined();
    expect(browser.setCookies.at(-1)).toMatch(/^__Host-Http-silent-login=no; /);
  });
});

describe("a silent login", () => {
  it("a silent login logs in and returns to its page", async () => {
    const browser = await ready();
    expect((await silently(browser)).headers.get("location")).toBe(page("/page"));
    expect(await bodyOf(browser)).toMatchObject({ user: { sub: "alice" } });
  });

  it.each([
    ...["login_required", "interaction_required", "consent_required", "account_selection_required", "access_denied"],
    ...[
      "temporarily_unavailable",
      "server_error",
      "invalid_request",
      "unauthorized_client",
      "invalid_scope",
      "made_up",
    ],
  ])("a silent login returns to its page without a session after the error %s", async (error) => {
    const browser = await ready();
    reject(error);
    const response = await silently(browser);
    expect([response.status, response.headers.get("location")]).toEqual([303, page("/page")]);
    expect(await bodyOf(browser)).toEqual({ user: null, session: null });
  });

  it.each<[string, HostileProvider["overrides"]]>([
    ["a wrong nonce", { claims: (original) => ({ ...original, nonce: "wrong" }) }],
    ["a foreign key", { foreignKey: true }],
    [
      "a wrong iss in the response",
      { authorizationResponse: (original) => ({ ...original, iss: "https://evil.example" }) },
    ],
    [
      "a failing token endpoint",
      { raw: (path, response) => path === "/token" && response.writeHead(500).end() !== undefined },
    ],
  ])("returns to its page without a session after %s, and logs the reason", async (_what, overrides) => {
    const browser = await ready();
    const logged = gateway.events("login_failed").length;
    provider.overrides = overrides;
    const response = await silently(browser);
    expect([response.status, response.headers.get("location")]).toEqual([303, page("/page")]);
    expect(await bodyOf(browser)).toEqual({ user: null, session: null });
    expect(gateway.events("login_failed").length).toBe(logged + 1);
  });

  it("a silent login returns to its page after a rejected setting, which readiness names until a login succeeds", async () => {
    await testBrowser(gateway.origin).login();
    expect(await gateway.readiness("provider")).toEqual({ status: "ok" });
    const browser = await ready();
    reject("invalid_scope");
    expect((await silently(browser)).headers.get("location")).toBe(page("/page"));
    expect((await gateway.readiness("provider")).detail).toMatch(/OIDC_SCOPE/);
    provider.overrides = {};
    await testBrowser(gateway.origin).login();
    expect(await gateway.readiness("provider")).toEqual({ status: "ok" });
  });

  it("a silent login returns to its page while the provider is down", async () => {
    const down = await startHostileProvider();
    const alone = await startGateway({ ...down, env: { SILENT_LOGIN: "on" } });
    await down.stop();
    const browser = testBrowser(alone.origin);
    const silent = await browser.navigate("/bff/login?prompt=none&returnTo=/page");
    expect([silent.status, silent.headers.get("location")]).toEqual([303, `${alone.config.publicOrigin}/page`]);
    expect(await offerOf(browser)).toBeUndefined();
    // A login that the user has asked for says that it cannot work.
    expect((await browser.navigate("/bff/login?returnTo=/page")).status).toBe(503);
    await alone.stop();
  });

  it("without SILENT_LOGIN, errors other than a needed interaction are shown", async () => {
    const off = await startGateway(provider);
    reject("invalid_scope");
    expect((await testBrowser(off.origin).login("?prompt=none&returnTo=/page")).status).toBe(400);
    await off.stop();
  });

  it("a silent login is not started by HEAD, prefetch or fetch", async () => {
    const started = gateway.events("login_started").length;
    const browser = await ready();
    const prefetch = await browser.navigate("/bff/login?prompt=none", { "sec-purpose": "prefetch" });
    const fetched = await browser.fetch("/bff/login?prompt=none");
    const head = await browser.fetch("/bff/login?prompt=none", { method: "HEAD" });
    expect([prefetch.status, fetched.status, head.status]).toEqual([204, 403, 200]);
    expect(gateway.events("login_started")).toHaveLength(started);
  });
});
