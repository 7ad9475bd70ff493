// Logging in, against a real provider, over two instances that share one Redis.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestSystem, userOf, type TestSystem } from "@cloakroom/testkit/system.ts";

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ instances: 2, env: { ACCOUNT_URL: "https://id.example/account/?referrer=app" } });
});
afterAll(() => system.stop());

const cookieOf = (browser: { cookies: Map<string, string> }) => browser.cookies.get("__Host-Http-session");

describe("a login", () => {
  it("ends on the page it came from, with a session that knows its user", async () => {
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

  it("sets exactly the cookie that it should", async () => {
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

  it("shows the provider nothing but what it needs", async () => {
    const start = await system.browser().navigate("/bff/login?returnTo=/secret-page&login_hint=alice");
    const url = new URL(start.headers.get("location")!);
    // Pushed (RFC 9126): the browser carries a reference only.
    expect([...url.searchParams.keys()].toSorted()).toEqual(["client_id", "request_uri"]);
  });

  it("gives twenty tabs that start at once their own session each, in whatever order they finish", async () => {
    const browser = system.browser();
    const callbacks = await Promise.all(Array.from({ length: 20 }, () => browser.loginAtProvider("?returnTo=/tab")));
    for (const callback of callbacks.toReversed()) {
      const response = await browser.navigate(callback);
      expect(response.headers.get("location")).toBe(`${system.gateway.config.publicOrigin}/tab`);
    }
    expect(await userOf(browser)).toBeDefined();
  });

  it("started on one instance finishes on another", async () => {
    const browser = system.browser();
    const callback = await browser.loginAtProvider();
    browser.useInstance(system.gateways[1]!.origin);
    expect((await browser.navigate(callback)).status).toBe(303);
    expect(await userOf(browser)).toBeDefined();
  });

  it("opened fifty times at once spends its code once and leads every tab to the page", async () => {
    const browser = system.browser();
    const callback = await browser.loginAtProvider("?returnTo=/profile");
    const before = system.provider.count("token:authorization_code");
    const answers = await Promise.all(Array.from({ length: 50 }, () => browser.navigate(callback)));
    expect(new Set(answers.map((answer) => `${answer.status} ${answer.headers.get("location")}`))).toEqual(
      new Set([`303 ${system.gateway.config.publicOrigin}/profile`]),
    );
    expect(system.provider.count("token:authorization_code") - before).toBe(1);
    expect(
      answers.flatMap((answer) => answer.headers.getSetCookie()).filter((line) => line.includes("session=")),
    ).toHaveLength(1);
    expect(await userOf(browser)).toBeDefined();
  });

  it("begins a session under a new id, whatever id the browser came with", async () => {
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

  it("of another user ends the session that was there, though its cookie did not come back with the callback", async () => {
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

  it("begins a session that no idle limit keeps beyond its refresh token", async () => {
    const { refreshTokenSeconds } = system.provider.lifetimes;
    system.provider.lifetimes.refreshTokenSeconds = 120;
    const browser = system.browser();
    await browser.login();
    system.provider.lifetimes.refreshTokenSeconds = refreshTokenSeconds;
    const { session } = (await (await browser.fetch("/bff/user")).json()) as { session: { idleExpiresAt: string } };
    expect(Date.parse(session.idleExpiresAt)).toBeLessThanOrEqual(Date.now() + 121_000);
  });

  it("draws ids of 256 random bits", async () => {
    const { newSessionId } = await import("../../src/session/session.ts");
    const ids = Array.from({ length: 20_000 }, newSessionId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every((id) => Buffer.from(id, "base64url").length === 32)).toBe(true);
  });
});

describe("a login is refused", () => {
  it.each([
    ["an unknown parameter", "?scope=admin"],
    ["a parameter twice", "?prompt=login&prompt=none"],
    ["a return path of another origin", "?returnTo=//evil.example"],
    ["a return path twice", "?returnTo=/a&returnTo=/b"],
    ["a prompt that is none", "?prompt=evil"],
    ["a max_age that is none", "?max_age=-1"],
    ["a return path that would add parameters (CVE-2025-67716)", "?returnTo=/x&redirect_uri=https://evil.example"],
  ])("for %s", async (_case, query) => {
    const response = await system.browser().navigate(`/bff/login${query}`);
    expect(response.status).toBe(400);
    expect(response.headers.get("location")).toBeNull();
  });

  it("with the callback of another browser (login CSRF), without asking the provider", async () => {
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
    ["a state twice", "?state=a&state=b&code=c"],
    ["a list as state", "?state[]=a&code=c"],
    ["a state of nobody", "?state=abcdefg00000000.AAAAAA.AAAA&code=c"],
    ["a huge query", `?state=${"a".repeat(7_000)}&code=c`],
  ])("when the callback has %s, and nothing is gained", async (_case, query) => {
    const browser = system.browser();
    await browser.loginAtProvider();
    const response = await browser.navigate(`/bff/callback${query}`);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain("Try again");
    expect(await userOf(browser)).toBeUndefined();
  });

  it.each(["state", "code", "iss"])("when a genuine callback has its %s twice, and nothing is spent", async (name) => {
    const browser = system.browser();
    const callback = await browser.loginAtProvider();
    const before = system.provider.count("token");
    const again = new URLSearchParams([[name, new URL(callback).searchParams.get(name) ?? ""]]);
    expect((await browser.navigate(`${callback}&${again.toString()}`)).status).toBe(400);
    expect(system.provider.count("token")).toBe(before);
    await browser.navigate(callback);
    expect(await userOf(browser)).toBeDefined();
  });

  it("but not complained about when its callback is stale and somebody is logged in", async () => {
    const browser = system.browser();
    await browser.login();
    for (const query of ["?state=abcdefg00000000.AAAAAA.AAAA&code=c", "?error=access_denied&state=x"]) {
      const response = await browser.navigate(`/bff/callback${query}`);
      expect(response.status).toBe(303);
      expect(response.headers.get("location")).toBe(`${system.gateway.config.publicOrigin}/`);
    }
    expect(await userOf(browser)).toBeDefined();
  });

  it("by silence where nobody is logged in and prompt=none was asked for", async () => {
    const browser = system.browser();
    const start = await browser.navigate("/bff/login?prompt=none&returnTo=/quiet");
    const { formBrowser } = await import("@cloakroom/testing/form-browser.ts");
    const back = await formBrowser({ stopAt: /\/bff\/callback/ }).open(start.headers.get("location")!);
    const response = await browser.navigate(back.url);
    expect(response.headers.get("location")).toBe(`${system.gateway.config.publicOrigin}/quiet`);
    expect(await userOf(browser)).toBeUndefined();
  });

  it("in a prefetch quietly, and in a frame or an image loudly", async () => {
    const prefetch = await system.browser().navigate("/bff/login", { "sec-purpose": "prefetch;prerender" });
    expect(prefetch.status).toBe(204);
    expect(prefetch.headers.getSetCookie()).toEqual([]);
    for (const dest of ["iframe", "image", "script"])
      expect((await system.browser().navigate("/bff/login", { "sec-fetch-dest": dest })).status).toBe(403);
  });
});

describe("many attempts", () => {
  it("never grow what a browser carries beyond a bound, nor what Redis keeps", async () => {
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
  ])("%s keeps its response head below nginx's 4 kB with 120 planted login cookies", async (_what, method, path) => {
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
