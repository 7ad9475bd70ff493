// Login with the embedded provider, over two instances on one Redis.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestSystem, userOf, type TestSystem } from "@cloakroom/testkit/system.ts";

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ instances: 2, env: { ACCOUNT_URL: "https://id.example/account/?referrer=app" } });
});
afterAll(() => system.stop());

const cookieOf = (browser: { cookies: Map<string, string> }) => browser.cookies.get("__Host-Http-session");

describe("login", () => {
  it("a login returns to its page with a session of the user", async () => {
    const browser = system.browser();
    const response = await browser.login("?returnTo=/profile%3Ftab%3D2");
    expect(response.status).toBe(303);
    expect(response.headers.get("location")).toBe(`${system.gateway.config.publicOrigin}/profile?tab=2`);
    const body = (await (await browser.fetch("/bff/user")).json()) as { user: object; session: object };
    expect(body.user).toMatchObject({ name: "Alice Example", roles: ["user"], department: "engineering" });
    expect(body.session).toMatchObject({
      id: expect.any(String),
      acr: expect.anything(),
      authTime: expect.any(String),
      accountUrl: "https://id.example/account/?referrer=app",
    });
    for (const claim of ["sid", "nonce", "at_hash", "iss", "aud"]) expect(body.user).not.toHaveProperty(claim);
  });

  it("the session cookie has exactly the specified attributes", async () => {
    const browser = system.browser();
    await browser.login();
    const line = browser.setCookies.findLast((each) => each.startsWith("__Host-Http-session="))!;
    const [pair, ...attributes] = line.split("; ");
    expect(pair).toMatch(/^__Host-Http-session=[\w-]{43}$/);
    expect(attributes.map((each) => each.toLowerCase().replace(/=.*gmt$/, "")).toSorted()).toEqual([
      "expires",
      "httponly",
      "path=/",
      "samesite=strict",
      "secure",
    ]);
    for (const other of browser.setCookies.filter((each) => each.startsWith("__Host-Http-login-")))
      expect(other).toMatch(/; path=\/; expires=[^;]+; samesite=lax; secure; httponly$/);
    for (const any of browser.setCookies) expect(any).not.toMatch(/domain=/i);
  });

  it("the authorization request contains only the required parameters", async () => {
    const start = await system.browser().navigate("/bff/login?returnTo=/secret-page&login_hint=alice");
    const url = new URL(start.headers.get("location")!);
    // Pushed (RFC 9126): the URL contains only a reference.
    expect([...url.searchParams.keys()].toSorted()).toEqual(["client_id", "request_uri"]);
  });

  it("twenty concurrent logins get a session each, in any order of completion", async () => {
    const browser = system.browser();
    const callbacks = await Promise.all(Array.from({ length: 20 }, () => browser.loginAtProvider("?returnTo=/tab")));
    for (const callback of callbacks.toReversed()) {
      const response = await browser.navigate(callback);
      expect(response.headers.get("location")).toBe(`${system.gateway.config.publicOrigin}/tab`);
    }
    expect(await userOf(browser)).toBeDefined();
  });

  it("a login started on one instance completes on another", async () => {
    const browser = system.browser();
    const callback = await browser.loginAtProvider();
    browser.useInstance(system.gateways[1]!.origin);
    expect((await browser.navigate(callback)).status).toBe(303);
    expect(await userOf(browser)).toBeDefined();
  });

  it("fifty concurrent copies of a callback spend the code once and all redirect to the return path", async () => {
    const browser = system.browser();
    const callback = await browser.loginAtProvider("?returnTo=/profile");
    const before = system.provider.count("token:authorization_code");
    const responses = await Promise.all(Array.from({ length: 50 }, () => browser.navigate(callback)));
    expect(new Set(responses.map((response) => `${response.status} ${response.headers.get("location")}`))).toEqual(
      new Set([`303 ${system.gateway.config.publicOrigin}/profile`]),
    );
    expect(system.provider.count("token:authorization_code") - before).toBe(1);
    expect(
      responses.flatMap((response) => response.headers.getSetCookie()).filter((line) => line.includes("session=")),
    ).toHaveLength(1);
    expect(await userOf(browser)).toBeDefined();
  });

  it("a login replaces the session id of the request (session fixation)", async () => {
    const browser = system.browser();
    const planted = "A".repeat(43);
    browser.cookies.set("__Host-Http-session", planted);
    await browser.login();
    expect(cookieOf(browser)).not.toBe(planted);

    const first = cookieOf(browser)!;
    await browser.login();
    expect(cookieOf(browser)).not.toBe(first);
    const thief = system.browser();
    thief.cookies.set("__Host-Http-session", first);
    expect(await userOf(thief)).toBeUndefined();
    expect((await thief.fetch("/api/x")).status).toBe(401);
  });

  it("a login of another user ends the previous session although its Strict cookie is absent from the callback", async () => {
    const browser = system.browser("alice");
    await browser.login();
    const old = cookieOf(browser)!;
    const admin = system.browser("admin");
    admin.cookies.set("__Host-Http-session", old);
    const callback = await admin.loginAtProvider();
    admin.cookies.delete("__Host-Http-session");
    await admin.navigate(callback);
    expect(await userOf(admin)).toBe(system.provider.user("admin")!.sub);
    expect(await userOf(browser)).toBeUndefined();
  });

  it("a session does not outlive its refresh token", async () => {
    const { refreshTokenSeconds } = system.provider.lifetimes;
    system.provider.lifetimes.refreshTokenSeconds = 120;
    const browser = system.browser();
    await browser.login();
    system.provider.lifetimes.refreshTokenSeconds = refreshTokenSeconds;
    const { session } = (await (await browser.fetch("/bff/user")).json()) as { session: { idleExpiresAt: string } };
    expect(Date.parse(session.idleExpiresAt)).toBeLessThanOrEqual(Date.now() + 121_000);
  });

  it("session ids have 256 random bits", async () => {
    const { newSessionId } = await import("../../src/session/session.ts");
    const ids = Array.from({ length: 20_000 }, newSessionId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every((id) => Buffer.from(id, "base64url").length === 32)).toBe(true);
  });
});

describe("rejected login", () => {
  it.each([
    ["a parameter of the authorization request", "?scope=admin"],
    ["a repeated parameter", "?prompt=login&prompt=none"],
    ["a return path of another origin", "?returnTo=//evil.example"],
    ["a repeated return path", "?returnTo=/a&returnTo=/b"],
    ["an unknown prompt", "?prompt=evil"],
    ["an invalid max_age", "?max_age=-1"],
    ["a return path that would add parameters (CVE-2025-67716)", "?returnTo=/x&redirect_uri=https://evil.example"],
  ])("/bff/login with %s is 400", async (_case, query) => {
    const response = await system.browser().navigate(`/bff/login${query}`);
    expect(response.status).toBe(400);
    expect(response.headers.get("location")).toBeNull();
  });

  it("a callback of another browser is 400 without a token request (login CSRF)", async () => {
    const attacker = system.browser("admin");
    const callback = await attacker.loginAtProvider();
    const victim = system.browser("alice");
    await victim.loginAtProvider();
    const before = system.provider.count("token");
    const response = await victim.navigate(callback);
    expect(response.status).toBe(400);
    expect(system.provider.count("token")).toBe(before);
    expect(await userOf(victim)).toBeUndefined();
    expect(system.gateway.log.some((line) => line.includes("this browser has no pending login"))).toBe(true);
  });

  it.each([
    ["no state", ""],
    ["a repeated state", "?state=a&state=b&code=c"],
    ["state as a list", "?state[]=a&code=c"],
    ["an unknown state", "?state=abcdefg00000000.AAAAAA.AAAA&code=c"],
    ["a huge query", `?state=${"a".repeat(7_000)}&code=c`],
  ])("a callback with %s is 400 without a session", async (_case, query) => {
    const browser = system.browser();
    await browser.loginAtProvider();
    const response = await browser.navigate(`/bff/callback${query}`);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain("Try again");
    expect(await userOf(browser)).toBeUndefined();
  });

  it.each(["state", "code", "iss"])(
    "a callback with a repeated %s is 400, and the login can still complete",
    async (name) => {
      const browser = system.browser();
      const callback = await browser.loginAtProvider();
      const before = system.provider.count("token");
      const again = new URLSearchParams([[name, new URL(callback).searchParams.get(name) ?? ""]]);
      expect((await browser.navigate(`${callback}&${again.toString()}`)).status).toBe(400);
      expect(system.provider.count("token")).toBe(before);
      await browser.navigate(callback);
      expect(await userOf(browser)).toBeDefined();
    },
  );

  it("a stale callback of a logged-in browser redirects to the app", async () => {
    const browser = system.browser();
    await browser.login();
    for (const query of ["?state=abcdefg00000000.AAAAAA.AAAA&code=c", "?error=access_denied&state=x"]) {
      const response = await browser.navigate(`/bff/callback${query}`);
      expect(response.status).toBe(303);
      expect(response.headers.get("location")).toBe(`${system.gateway.config.publicOrigin}/`);
    }
    expect(await userOf(browser)).toBeDefined();
  });

  it("prompt=none without a session at the provider redirects to the return path without a session", async () => {
    const browser = system.browser();
    const start = await browser.navigate("/bff/login?prompt=none&returnTo=/quiet");
    const { formBrowser } = await import("@cloakroom/testing/form-browser.ts");
    const back = await formBrowser({ stopAt: /\/bff\/callback/ }).open(start.headers.get("location")!);
    const response = await browser.navigate(back.url);
    expect(response.headers.get("location")).toBe(`${system.gateway.config.publicOrigin}/quiet`);
    expect(await userOf(browser)).toBeUndefined();
  });

  it("a prefetch is 204, and a login in a frame, image or script is 403", async () => {
    const prefetch = await system.browser().navigate("/bff/login", { "sec-purpose": "prefetch;prerender" });
    expect(prefetch.status).toBe(204);
    expect(prefetch.headers.getSetCookie()).toEqual([]);
    for (const dest of ["iframe", "image", "script"])
      expect((await system.browser().navigate("/bff/login", { "sec-fetch-dest": dest })).status).toBe(403);
  });
});

describe("many login attempts", () => {
  it("the number of login cookies is bounded, and pending attempts use no storage", async () => {
    const browser = system.browser();
    for (let n = 0; n < 40; n++) await browser.navigate("/bff/login");
    expect(browser.cookies.size).toBeLessThanOrEqual(16);
    expect(
      [...browser.cookies].map(([name, value]) => name.length + value.length).reduce((a, b) => a + b),
    ).toBeLessThan(4_096);
  });

  it.each([
    ["a login", "GET", "/bff/login"],
    ["a logout", "POST", "/bff/logout"],
  ])("%s with 120 planted login cookies has a response head below nginx's 4 kB", async (_what, method, path) => {
    const browser = system.browser();
    for (let n = 0; n < 120; n++)
      browser.cookies.set(`__Host-Http-login-t0${String(n).padStart(5, "0")}0123abcd`, "x".repeat(43));
    const accept = { accept: "text/html" };
    const response =
      method === "GET" ? await browser.navigate(path, accept) : await browser.fetch(path, { method, headers: accept });
    const head = [...response.headers].reduce((bytes, [name, value]) => bytes + name.length + value.length + 4, 0);
    expect(response.status).toBe(303);
    expect(response.headers.getSetCookie().length).toBeGreaterThan(10);
    expect(head).toBeLessThan(4_096);
  });
});
