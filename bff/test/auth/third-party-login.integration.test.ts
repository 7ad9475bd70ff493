// Logins that another site starts, over HTTP (OIDC Core 1.0 §4). In real browsers: e2e/tests/third-party-login.extended.spec.ts.
import { request } from "undici";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { MAX_RETURN_PATH_CHARS } from "../../src/auth/return-path.ts";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startHostileProvider, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";

let provider: HostileProvider;
let gateway: TestGateway;
beforeAll(async () => {
  provider = await startHostileProvider();
  gateway = await startGateway(provider);
});
beforeEach(() => {
  provider.overrides = {};
});
afterAll(async () => {
  await gateway.stop();
  await provider.stop();
});

const NAVIGATION = { accept: "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
const query = (parameters: Record<string, string>) => new URLSearchParams(parameters).toString();
const initiate = (parameters: Record<string, string> = {}) =>
  `/bff/login?${query({ iss: provider.issuer, ...parameters })}`;
const newBrowser = () => testBrowser(gateway.origin);

/** A form post of a page of `site`. */
function post(browser: TestBrowser, parameters: Record<string, string>, site: string, path = "/bff/login") {
  return browser.fetch(path, {
    method: "POST",
    body: query(parameters),
    headers: {
      ...NAVIGATION,
      "sec-fetch-site": site,
      origin: site === "same-origin" ? gateway.config.publicOrigin : "https://portal.example",
      "content-type": "application/x-www-form-urlencoded",
    },
  });
}

async function loggedIn(sub: string): Promise<TestBrowser> {
  const browser = newBrowser();
  provider.overrides = { claims: (original) => ({ ...original, sub, name: `<b>${sub}</b>` }) };
  await browser.login();
  return browser;
}

const subjectOf = async (browser: TestBrowser) =>
  ((await (await browser.fetch("/bff/user")).json()) as { user: { sub: string } | null }).user?.sub;

/** The URL that the page opens by itself. */
const refreshOf = (html: string) =>
  /http-equiv="refresh" content="0;url=([^"]*)"/.exec(html)?.[1]?.replaceAll("&amp;", "&");

const fieldsOf = (html: string) =>
  Object.fromEntries(
    [...html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)].map(([, name, value]) => [name, value]),
  ) as Record<string, string>;

describe("third-party-initiated login", () => {
  it("oidcc-client-test-3rd-party-init-login: the login starts with the hint and returns to target_link_uri", async () => {
    const browser = newBrowser();
    const target = `${gateway.config.publicOrigin}/orders?id=7`;
    const start = await browser.navigate(initiate({ login_hint: "alice", target_link_uri: target }));
    expect(start.status).toBe(303);
    const url = new URL(start.headers.get("location")!);
    expect(url.href.startsWith(`${provider.issuer}/authorize?`)).toBe(true);
    expect(url.searchParams.get("login_hint")).toBe("alice");
    expect([...url.searchParams.keys()]).not.toContain("iss");
    expect([...url.searchParams.keys()]).not.toContain("target_link_uri");
    const back = await fetch(url, { redirect: "manual" });
    const done = await browser.navigate(back.headers.get("location")!, { "sec-fetch-site": "cross-site" });
    expect(done.headers.get("location")).toBe(target);
    expect(await subjectOf(browser)).toBe("alice");
  });

  it.each(["none", "same-site", "same-origin"])("a POST with Sec-Fetch-Site: %s starts the login", async (site) => {
    const response = await post(newBrowser(), { iss: provider.issuer, target_link_uri: "/a" }, site);
    expect([response.status, response.headers.get("location")?.startsWith(provider.issuer)]).toEqual([303, true]);
    expect(response.headers.getSetCookie().join()).toMatch(/samesite=lax/i);
  });

  it("a POST takes parameters of the registered URL and of its form", async () => {
    const response = await post(newBrowser(), { iss: provider.issuer }, "none", "/bff/login?kc_idp_hint=partner");
    expect(new URL(response.headers.get("location")!).searchParams.get("kc_idp_hint")).toBe("partner");
    const twice = await post(newBrowser(), { iss: provider.issuer }, "none", `/bff/login?iss=${provider.issuer}`);
    expect(twice.status).toBe(400);
  });

  it.each(["GET", "POST"])("a cross-site %s sets no cookie and is repeated from a page of our own", async (method) => {
    const browser = newBrowser();
    const parameters = {
      iss: provider.issuer,
      login_hint: "a b&c",
      target_link_uri: "/orders?x=1&y=2#z",
      utm_source: "x",
    };
    const first =
      method === "POST"
        ? await post(browser, parameters, "cross-site")
        : await browser.navigate(`/bff/login?${query(parameters)}`, { "sec-fetch-site": "cross-site" });
    const html = await first.text();
    expect([first.status, first.headers.getSetCookie(), first.headers.get("cache-control")]).toEqual([
      200,
      [],
      "no-store",
    ]);
    expect(first.headers.get("content-security-policy")).toContain("default-src 'none'");
    const path = refreshOf(html)!;
    expect(path).toMatch(/^\/bff\/login\?/);
    expect(path).not.toContain("utm_source");
    const second = await browser.navigate(path, { "sec-fetch-site": "same-origin" });
    const url = new URL(second.headers.get("location")!);
    expect(url.searchParams.get("login_hint")).toBe("a b&c");
    const back = await fetch(url, { redirect: "manual" });
    const done = await browser.navigate(back.headers.get("location")!, { "sec-fetch-site": "cross-site" });
    expect(done.headers.get("location")).toBe(`${gateway.config.publicOrigin}/orders?x=1&y=2#z`);
  });

  it("a repeated request that still counts as cross-site gets the confirmation page, not another repetition", async () => {
    const response = await newBrowser().navigate(initiate({ repeated: "1" }), { "sec-fetch-site": "cross-site" });
    const html = await response.text();
    expect([response.status, refreshOf(html)]).toEqual([200, undefined]);
    expect(html).toContain("Do you want to log in?");
  });

  it.each([
    ["Origin", { origin: "https://portal.example" }],
    ["an opaque Origin", { origin: "null" }],
    ["Referer", { referer: "https://portal.example/tiles" }],
    ["a malformed Referer", { referer: "x" }],
  ])("without Fetch Metadata, %s shows that the request is cross-site", async (_what, headers) => {
    const response = await request(gateway.origin + initiate(), { headers: headers as Record<string, string> });
    expect([response.statusCode, response.headers["set-cookie"]]).toEqual([200, undefined]);
    expect(refreshOf(await response.body.text())).toBeDefined();
  });

  it.each([
    ["no Origin and Referer", {}],
    ["our own Referer", { referer: "OUR_ORIGIN/bff/login?iss=x" }],
  ])("without Fetch Metadata, %s starts the login", async (_what, headers) => {
    const own = Object.entries(headers).map(([name, value]) => [
      name,
      value.replace("OUR_ORIGIN", gateway.config.publicOrigin),
    ]);
    const response = await request(gateway.origin + initiate(), {
      headers: Object.fromEntries(own) as Record<string, string>,
    });
    expect([response.statusCode, String(response.headers["location"]).startsWith(provider.issuer)]).toEqual([
      303,
      true,
    ]);
  });

  it.each([
    ["another issuer", () => "https://evil.example"],
    ["a trailing slash", () => `${provider.issuer}/`],
    ["other case", () => provider.issuer.toUpperCase()],
    ["a prefix", () => provider.issuer.slice(0, -1)],
  ])("iss with %s is 400 with a page that says so", async (_what, iss) => {
    for (const send of [
      () => newBrowser().navigate(`/bff/login?${query({ iss: iss(), target_link_uri: "/a" })}`),
      () => post(newBrowser(), { iss: iss() }, "cross-site"),
    ]) {
      const response = await send();
      expect([response.status, response.headers.getSetCookie()]).toEqual([400, []]);
      const html = await response.text();
      expect(html).toContain("This link is for another login service");
      expect(html).not.toContain("evil.example");
    }
  });

  it.each([
    ["without iss", { target_link_uri: "/a" }],
    ["with an empty iss", { iss: "" }],
    ["with forged consent", { confirmed: "none" }],
  ])("a cross-site POST %s starts no login", async (_what, parameters) => {
    const response = await post(newBrowser(), parameters as Record<string, string>, "cross-site");
    expect([response.headers.get("location"), response.headers.getSetCookie()]).toEqual([null, []]);
    expect(response.status).toBe("confirmed" in parameters ? 200 : 400);
  });

  it("a target of another origin is 400", async () => {
    const response = await newBrowser().navigate(initiate({ target_link_uri: "https://evil.example/" }));
    expect([response.status, response.headers.get("location")]).toEqual([400, null]);
  });

  it.each([
    ["a prefetch", { "sec-purpose": "prefetch" }, 204],
    ["a frame", { "sec-fetch-dest": "iframe" }, 403],
    ["a subresource", { "sec-fetch-dest": "image", "sec-fetch-mode": "no-cors" }, 403],
  ])("%s starts no login, by GET or POST", async (_what, headers, status) => {
    const started = gateway.events("login_started").length;
    const browser = newBrowser();
    const get = await browser.navigate(initiate(), headers as Record<string, string>);
    const posted = await browser.fetch("/bff/login", {
      method: "POST",
      body: query({ iss: provider.issuer }),
      headers: {
        ...NAVIGATION,
        "content-type": "application/x-www-form-urlencoded",
        "sec-fetch-site": "none",
        ...headers,
      },
    });
    expect([get.status, posted.status]).toEqual([status, status]);
    expect(gateway.events("login_started")).toHaveLength(started);
  });

  it("the number of login cookies stays bounded", async () => {
    const browser = newBrowser();
    for (let n = 0; n < 40; n++) await post(browser, { iss: provider.issuer }, "none");
    expect(browser.cookies.size).toBeLessThanOrEqual(16);
  });

  it("a form of 17 kB is 413, and another content type is 400", async () => {
    expect((await post(newBrowser(), { iss: provider.issuer, x: "x".repeat(17_000) }, "none")).status).toBe(413);
    const json = await newBrowser().fetch("/bff/login", {
      method: "POST",
      body: JSON.stringify({ iss: provider.issuer }),
      headers: { ...NAVIGATION, "content-type": "application/json" },
    });
    expect(json.status).toBe(400);
  });
});

describe("third-party-initiated login of a logged-in browser", () => {
  it.each(["GET", "POST"])("a %s asks before it replaces the session, and names the user", async (method) => {
    const browser = await loggedIn("alice");
    const parameters = { iss: provider.issuer, login_hint: "Call 555-0100 now", target_link_uri: "/orders" };
    const response =
      method === "POST"
        ? await post(browser, parameters, "same-site")
        : await browser.navigate(`/bff/login?${query(parameters)}`);
    const html = await response.text();
    expect([response.status, response.headers.get("location")]).toEqual([200, null]);
    expect(html).toContain("<bdi>&lt;b&gt;alice&lt;/b&gt;</bdi>");
    expect(html).toContain('<a href="/orders">Stay logged in</a>');
    // The other site's text stays out of what the user reads.
    expect(html.replace(/<input[^>]*>/g, "")).not.toContain("555-0100");
    expect(response.headers.get("content-security-policy")).toContain("form-action 'self'");
    expect(await subjectOf(browser)).toBe("alice");
  });

  it("consent starts the login, which ends the replaced session", async () => {
    const browser = await loggedIn("alice");
    const page = await browser.navigate(initiate({ login_hint: "bob", target_link_uri: "/orders" }));
    const started = await post(browser, fieldsOf(await page.text()), "same-origin");
    // No redirect: form-action would block it.
    expect([started.status, started.headers.get("location")]).toEqual([200, null]);
    const url = new URL(refreshOf(await started.text())!);
    expect([url.origin, url.searchParams.get("login_hint")]).toEqual([new URL(provider.issuer).origin, "bob"]);
    const thief = newBrowser();
    thief.cookies.set("__Host-Http-session", browser.cookies.get("__Host-Http-session")!);
    provider.overrides = { claims: (original) => ({ ...original, sub: "bob" }) };
    const back = await fetch(url, { redirect: "manual" });
    const done = await browser.navigate(back.headers.get("location")!, { "sec-fetch-site": "cross-site" });
    expect(done.headers.get("location")).toBe(`${gateway.config.publicOrigin}/orders`);
    expect([await subjectOf(browser), await subjectOf(thief)]).toEqual(["bob", undefined]);
  });

  it.each([
    ["another site", "cross-site"],
    ["a sibling host", "same-site"],
  ])("consent that %s posts is not accepted", async (_who, site) => {
    const browser = await loggedIn("alice");
    const page = await browser.navigate(initiate());
    const response = await post(browser, fieldsOf(await page.text()), site);
    expect([response.status, response.headers.getSetCookie()]).toEqual([200, []]);
    expect(await response.text()).toContain("You are already logged in");
  });

  it("consent given for a session that another tab has replaced asks again", async () => {
    const browser = await loggedIn("alice");
    const fields = fieldsOf(await (await browser.navigate(initiate())).text());
    provider.overrides = { claims: (original) => ({ ...original, sub: "carol" }) };
    await browser.login();
    const response = await post(browser, fields, "same-origin");
    expect(await response.text()).toContain("You are already logged in");
    expect(await subjectOf(browser)).toBe("carol");
  });

  it("a login_hint of the same user opens the target without a login", async () => {
    const browser = await loggedIn("alice");
    const response = await browser.navigate(initiate({ login_hint: "alice", target_link_uri: "/orders" }));
    expect([response.status, response.headers.get("location")]).toEqual([303, `${gateway.config.publicOrigin}/orders`]);
  });

  it.each(["cross-site", "same-site"])("a %s link without iss asks as well", async (site) => {
    const browser = await loggedIn("alice");
    const response = await browser.navigate("/bff/login?returnTo=/orders", { "sec-fetch-site": site });
    expect(await response.text()).toContain("You are already logged in");
    expect((await browser.navigate("/bff/login?returnTo=/orders")).status).toBe(303);
  });
});

describe("bookmarkable return paths", () => {
  it("the longest return path survives a login, and its response head is below nginx's 4 kB", async () => {
    const browser = newBrowser();
    const path = `/search?q=${"x".repeat(MAX_RETURN_PATH_CHARS - 10)}`;
    const start = await browser.navigate(`/bff/login?${query({ returnTo: path })}`);
    const head = [...start.headers].reduce((bytes, [name, value]) => bytes + name.length + value.length + 4, 0);
    expect(head).toBeLessThan(4_096);
    const back = await fetch(start.headers.get("location")!, { redirect: "manual" });
    const done = await browser.navigate(back.headers.get("location")!, { "sec-fetch-site": "cross-site" });
    expect(done.headers.get("location")).toBe(gateway.config.publicOrigin + path);
  });

  it("the longest return path with the longest acr_values logs in and leads to the start page", async () => {
    provider.overrides = { claims: (original) => ({ ...original, acr: "a".repeat(128) }) };
    const acrValues = ["a", "b", "c", "d", "e"].map((letter) => letter.repeat(128)).join(" ");
    const parameters = { returnTo: `/${"x".repeat(MAX_RETURN_PATH_CHARS - 1)}`, acr_values: acrValues };
    const response = await newBrowser().login(`?${query(parameters)}`);
    expect(response.headers.get("location")).toBe(`${gateway.config.publicOrigin}/`);
  });

  it.each([
    ["the longest OIDC_LOGIN_PARAMETERS", `audience=${"x".repeat(980)}`, 0],
    ["120 planted login cookies", "", 120],
  ])("the longest return path with %s has a response head below nginx's 4 kB", async (_what, parameters, planted) => {
    const other = await startGateway({ ...provider, env: { OIDC_LOGIN_PARAMETERS: parameters } });
    const browser = testBrowser(other.origin);
    for (let n = 0; n < planted; n++)
      browser.cookies.set(`__Host-Http-login-t0${String(n).padStart(5, "0")}0123abcd`, "x".repeat(43));
    const returnTo = `/${"x".repeat(MAX_RETURN_PATH_CHARS - 1)}`;
    const { status, headers } = await browser.navigate(`/bff/login?${query({ returnTo })}`);
    const head = [...headers].reduce((bytes, [name, value]) => bytes + name.length + value.length + 4, 26);
    expect([status, head < 4_096], String(head)).toEqual([303, true]);
    await other.stop();
  });

  it("a longer return path logs in and leads to the start page", async () => {
    const response = await newBrowser().login(
      `?${query({ returnTo: `/search?q=${"x".repeat(MAX_RETURN_PATH_CHARS)}` })}`,
    );
    expect(response.headers.get("location")).toBe(`${gateway.config.publicOrigin}/`);
  });
});
