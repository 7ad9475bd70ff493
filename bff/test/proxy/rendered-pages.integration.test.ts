// Server-rendered pages: navigations with and without the session cookie, headers, errors and streaming, through real sockets.
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { request } from "undici";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startTestSystem, type TestSystem } from "@cloakroom/testkit/system.ts";

let system: TestSystem;
let app: Server;
const received: IncomingMessage[] = [];
let respond: (request: IncomingMessage, response: ServerResponse) => void;
const page = (_request: IncomingMessage, response: ServerResponse): void =>
  void response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html>page");

beforeAll(async () => {
  app = createServer((req, res) => {
    received.push(req);
    respond(req, res);
  }).listen(0, "127.0.0.1");
  await once(app, "listening");
  const baseUrl = `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
  system = await startTestSystem({
    upstreams: () => [
      { prefix: "/", baseUrl, access: "optional", csrf: "same-origin" },
      { prefix: "/account", baseUrl, csrf: "same-origin" },
      { prefix: "/open", baseUrl, access: "public", csrf: "same-origin" },
      { prefix: "/api", baseUrl },
      { prefix: "/images", baseUrl, csrf: "fetch-metadata" },
      { prefix: "/listed", baseUrl, csrf: "same-origin", access: "public", requestHeaders: ["origin", "referer"] },
      { prefix: "/fixed", baseUrl, csrf: "same-origin", access: "public", headers: { Origin: "https://fixed.test" } },
      { prefix: "/both", baseUrl, csrf: "same-origin", access: "session-or-bearer", bearer: { audience: "pages" } },
      { prefix: "/down", baseUrl: "http://127.0.0.1:1", access: "optional", csrf: "same-origin" },
    ],
  });
});
afterAll(async () => {
  await system.stop();
  app.closeAllConnections();
  app.close();
});
beforeEach(() => {
  received.length = 0;
  respond = page;
});

const DOCUMENT = { "sec-fetch-mode": "navigate", "sec-fetch-dest": "document", accept: "text/html,*/*" };
const FROM = (site: string) => ({ ...DOCUMENT, "sec-fetch-site": site });
type Init = {
  method?: "GET" | "POST" | "HEAD";
  headers?: Record<string, string>;
  cookies?: ReadonlyMap<string, string>;
};

async function send(path: string, { method = "GET", headers = {}, cookies = new Map() }: Init = {}) {
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  const response = await request(system.gateway.origin + path, {
    method,
    headers: { ...headers, ...(cookie === "" ? {} : { cookie }) },
  });
  const lines = [response.headers["set-cookie"] ?? []].flat();
  const marker = lines
    .map((line) => /^__Host-Http-navigation=([^;]*)/.exec(line)?.[1])
    .find((value) => value !== undefined);
  return { status: response.statusCode, headers: response.headers, body: await response.body.text(), lines, marker };
}

async function loggedIn(): Promise<Map<string, string>> {
  const browser = system.browser();
  await browser.login();
  return browser.cookies;
}

const isRefreshPage = ({ status, body }: { status: number; body: string }): boolean =>
  status === 200 && body.includes("<title>One moment</title>");

describe("a navigation without the session cookie", () => {
  it.each([
    ["a link of another site", FROM("cross-site"), true],
    ["a link of a sibling host", FROM("same-site"), true],
    ["a link of another site, without Fetch Metadata", { accept: "text/html", referer: "https://other.test/" }, true],
    [
      "a service worker",
      { "sec-fetch-mode": "navigate", "sec-fetch-dest": "empty", "sec-fetch-site": "cross-site" },
      true,
    ],
    ["a typed address", FROM("none"), false],
    ["a link of the app", FROM("same-origin"), false],
    ["a link of the app, without Fetch Metadata", { accept: "text/html", referer: "REFERER" }, false],
    ["a typed address, without Fetch Metadata", { accept: "text/html" }, false],
    ["a crawler", { accept: "text/html,application/xhtml+xml", "user-agent": "bot" }, false],
    ["curl", { accept: "*/*" }, false],
  ])("a navigation of %s gets the refresh page: %s", async (_name, sent, expected) => {
    const headers = Object.fromEntries(
      Object.entries(sent).map(([name, value]) => [name, value === "REFERER" ? `${system.gateway.origin}/x` : value]),
    );
    const response = await send("/list?a=1&b=%22", { headers });
    expect(isRefreshPage(response)).toBe(expected);
    expect(received.length).toBe(expected ? 0 : 1);
    if (!expected) return;
    expect(response.headers).toMatchObject({ "cache-control": "no-store", "referrer-policy": "no-referrer" });
    expect(response.headers["content-security-policy"]).toMatch(/^default-src 'none'; script-src 'sha256-[^ ;]+'; /);
    expect(response.body).toContain('content="0;url=/list?a=1&amp;b=%22"');
    expect(response.marker).toMatch(/^refreshed\./);
    expect(response.lines.join()).toMatch(/samesite=lax/i);
  });

  it.each(["HEAD", "POST"] as const)("by %s gets no refresh page", async (method) => {
    const response = await send("/list", { method, headers: FROM("cross-site") });
    expect(response.marker).toBeUndefined();
  });

  it.each(["/open", "/api/x", "/bff/login"])("to %s gets no refresh page", async (path) => {
    const response = await send(path, { headers: FROM("cross-site") });
    expect(response.marker).toBeUndefined();
  });

  it("a navigation of an iframe gets no refresh page", async () => {
    const headers = { ...FROM("cross-site"), "sec-fetch-dest": "iframe" };
    expect((await send("/list", { headers })).marker).toBeUndefined();
  });

  it("a navigation without the session cookie is anonymous after the refresh page, once, also where the engine repeats it as cross-site", async () => {
    const first = await send("/list?a=1", { headers: FROM("cross-site") });
    const cookies = new Map([["__Host-Http-navigation", first.marker ?? ""]]);
    for (const site of ["same-origin", "cross-site"]) {
      const second = await send("/list?a=1", { headers: FROM(site), cookies });
      expect([second.status, second.body, second.marker]).toEqual([200, "<!doctype html>page", ""]);
    }
    const other = await send("/list?a=2", { headers: FROM("cross-site"), cookies });
    expect(isRefreshPage(other)).toBe(true);
  });

  it("a navigation without the session cookie is sent to the login with its path where the row needs a session", async () => {
    const first = await send("/account/a?b=c&d", { headers: FROM("cross-site") });
    expect(isRefreshPage(first)).toBe(true);
    const cookies = new Map([["__Host-Http-navigation", first.marker ?? ""]]);
    for (const options of [
      { headers: FROM("same-origin"), cookies },
      { headers: FROM("none") },
      { headers: { accept: "text/html" } },
    ]) {
      const { status, headers } = await send("/account/a?b=c&d", options);
      const url = new URL(String(headers["location"]));
      expect([status, url.pathname, url.searchParams.get("returnTo")]).toEqual([303, "/bff/login", "/account/a?b=c&d"]);
      expect(headers["cache-control"]).toBe("no-store");
    }
    expect(received).toEqual([]);
  });

  it("a form post without the session cookie gets a 401 page, and a fetch a 401 problem", async () => {
    const post = await send("/account", { method: "POST", headers: FROM("same-origin") });
    expect([post.status, post.headers["content-type"]]).toEqual([401, "text/html; charset=utf-8"]);
    expect(post.body).toContain('href="/bff/login?returnTo=%2Faccount"');
    const fetched = await send("/account", {
      headers: { "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty" },
    });
    expect([fetched.status, fetched.headers["content-type"]]).toEqual([401, "application/problem+json; charset=utf-8"]);
  });

  it("a navigation with a session that has ended is sent to the login, and to an optional row it is anonymous", async () => {
    const cookies = new Map([["__Host-Http-session", "A".repeat(43)]]);
    expect((await send("/account", { headers: FROM("same-origin"), cookies })).status).toBe(303);
    expect((await send("/list", { headers: FROM("cross-site"), cookies })).body).toBe("<!doctype html>page");
  });
});

describe("after a login", () => {
  it("the redirect gets the refresh page, also without Fetch Metadata, and then the page", async () => {
    const browser = system.browser();
    const callback = await browser.login("?returnTo=/account/a%3Fb%23c");
    expect([callback.status, callback.headers.get("location")]).toEqual([303, `${browser_origin()}/account/a?b#c`]);
    const marker = browser.cookies.get("__Host-Http-navigation") ?? "";
    expect(marker).toMatch(/^logged-in\./);
    const cookies = new Map([["__Host-Http-navigation", marker]]);
    const first = await send("/account/a?b", { headers: { accept: "text/html" }, cookies });
    expect(isRefreshPage(first)).toBe(true);
    const second = await send("/account/a?b", { headers: FROM("same-origin"), cookies: browser.cookies });
    expect([second.status, second.body, second.marker]).toEqual([200, "<!doctype html>page", ""]);
    expect(received.at(-1)?.headers.authorization).toMatch(/^Bearer /);
  });

  it("a session cookie that never arrives ends in a 401 page instead of another login", async () => {
    const browser = system.browser();
    await browser.login("?returnTo=/account");
    const cookies = new Map([["__Host-Http-navigation", browser.cookies.get("__Host-Http-navigation") ?? ""]]);
    const first = await send("/account", { headers: FROM("cross-site"), cookies });
    cookies.set("__Host-Http-navigation", first.marker ?? "");
    const second = await send("/account", { headers: FROM("cross-site"), cookies });
    expect([second.status, second.headers["content-type"]]).toEqual([401, "text/html; charset=utf-8"]);
    expect(second.body).toContain("Log in");
  });

  it("a login that returns to a page of SPA_ROOT sets no marker", async () => {
    const browser = system.browser();
    await browser.login("?returnTo=/");
    expect(browser.cookies.get("__Host-Http-navigation")).toMatch(/^logged-in\./);
  });
});

const browser_origin = (): string => system.gateway.config.publicOrigin;

describe("a page", () => {
  it("a page receives the bearer, its cookies, Origin and Referer, and never a cookie of the gateway", async () => {
    const cookies = await loggedIn();
    cookies.set("theme", "dark");
    const referer = `${browser_origin()}/form`;
    await send("/form", {
      method: "POST",
      headers: { ...FROM("same-origin"), origin: browser_origin(), referer },
      cookies,
    });
    const headers = received.at(-1)?.headers ?? {};
    expect(headers).toMatchObject({
      cookie: "theme=dark",
      origin: browser_origin(),
      referer,
      "x-forwarded-host": new URL(browser_origin()).host,
    });
    expect(headers.authorization).toMatch(/^Bearer /);
    await send("/api/x", { headers: { "x-csrf": "1", "sec-fetch-site": "same-origin" }, cookies });
    expect(received.at(-1)?.headers).not.toHaveProperty("cookie");
  });

  it("a page keeps its own policy, cookies and redirects, and gets the defaults without them", async () => {
    respond = (_req, res) =>
      void res
        .writeHead(302, {
          "content-type": "text/html",
          "content-security-policy": "script-src 'self'",
          "referrer-policy": "origin",
          "set-cookie": ["theme=dark; Domain=test; Path=/", "__Host-Http-session=x; Path=/", "cloakroom-80-session=x"],
          "x-powered-by": "Framework",
          "clear-site-data": '"cookies"',
          location: "https://pay.example/checkout",
        })
        .end("x");
    const own = await send("/list", { headers: FROM("none") });
    expect(own.headers).toMatchObject({
      "content-security-policy": "script-src 'self'",
      "referrer-policy": "origin",
      location: "https://pay.example/checkout",
      "x-content-type-options": "nosniff",
    });
    expect(own.lines).toEqual(["theme=dark; Path=/"]);
    for (const name of ["x-powered-by", "clear-site-data"]) expect(own.headers).not.toHaveProperty(name);
    respond = page;
    const plain = await send("/list", { headers: FROM("none") });
    expect(plain.headers).toMatchObject({
      "content-security-policy": "object-src 'none'; base-uri 'self'; frame-ancestors 'none'",
      "referrer-policy": "same-origin",
      "cross-origin-opener-policy": "same-origin",
      "x-frame-options": "DENY",
      "cache-control": "no-store",
    });
  });

  it("a response of an API row keeps the sandboxing policy, whatever the upstream sends", async () => {
    respond = (_req, res) =>
      void res
        .writeHead(200, { "content-type": "text/html", "content-security-policy": "script-src *", "set-cookie": "a=1" })
        .end("x");
    const { headers } = await send("/api/x", {
      headers: { "x-csrf": "1", "sec-fetch-site": "same-origin" },
      cookies: await loggedIn(),
    });
    expect(headers["content-security-policy"]).toMatch(/sandbox/);
    expect(headers).not.toHaveProperty("set-cookie");
  });

  it.each([404, 500, 503])("a page with status %i passes through", async (status) => {
    respond = (_req, res) =>
      void res.writeHead(status, { "content-type": "text/html" }).end("<!doctype html>own error");
    const response = await send("/list", { headers: FROM("none") });
    expect([response.status, response.body]).toEqual([status, "<!doctype html>own error"]);
  });

  it("a page is streamed as it is rendered", async () => {
    let finish = (): void => {};
    respond = (_req, res) => {
      res.writeHead(200, { "content-type": "text/html" });
      res.write("<!doctype html>first");
      finish = () => void res.end("second");
    };
    const response = await request(`${system.gateway.origin}/list`, { headers: FROM("none") });
    const parts: string[] = [];
    for await (const chunk of response.body) {
      parts.push(String(chunk));
      finish();
    }
    expect(parts).toEqual(["<!doctype html>first", "second"]);
  });

  it("that cannot be fetched is an error page for a navigation that a service worker forwards", async () => {
    const forwarded = { "sec-fetch-mode": "navigate", "sec-fetch-dest": "empty", "sec-fetch-site": "same-origin" };
    const { status, headers } = await send("/down/x", { headers: { ...forwarded, accept: "text/html,*/*" } });
    expect([status, headers["content-type"]]).toEqual([502, "text/html; charset=utf-8"]);
  });

  it("that cannot be fetched is an error page for a navigation, with a link to itself", async () => {
    const { status, headers, body } = await send("/down/x?y", { headers: FROM("none") });
    expect([status, headers["content-type"]]).toEqual([502, "text/html; charset=utf-8"]);
    expect(body).toContain("This page is not available right now");
    expect(body).toContain('<a href="/down/x?y">Try again</a>');
    const fetched = await send("/down/x", {
      headers: { "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty" },
    });
    expect(fetched.headers["content-type"]).toBe("application/problem+json; charset=utf-8");
  });
});

describe("a request header of a page row", () => {
  const valuesOf = (name: string): string[] =>
    received.flatMap(({ rawHeaders }) => rawHeaders.filter((_each, at) => at % 2 === 1 && rawHeaders[at - 1] === name));

  it("a request header of a page row is forwarded once, also if the row lists it", async () => {
    const { origin } = new URL(system.gateway.config.publicOrigin);
    await send("/listed/x", { headers: { "sec-fetch-site": "same-origin", origin, referer: `${origin}/list` } });
    expect([valuesOf("origin"), valuesOf("referer")]).toEqual([[origin], [`${origin}/list`]]);
  });

  it("a request header of a page row is replaced by that of the row", async () => {
    const { origin } = new URL(system.gateway.config.publicOrigin);
    await send("/fixed/x", { headers: { "sec-fetch-site": "same-origin", origin } });
    expect(valuesOf("origin")).toEqual(["https://fixed.test"]);
  });
});

it("a file that was sent to a client with its own token is not stored by shared caches", async () => {
  respond = (_request, response) =>
    void response
      .writeHead(200, { "content-type": "text/javascript", "cache-control": "public, max-age=600, immutable" })
      .end("x");
  const nowSeconds = Math.floor(Date.now() / 1000);
  const claims = { iss: system.provider.issuer, sub: "robot", aud: "pages", iat: nowSeconds, exp: nowSeconds + 60 };
  const token = await system.provider.sign(claims, { typ: "at+jwt" });
  const { status, headers } = await send("/both/app.js", { headers: { authorization: `Bearer ${token}` } });
  expect([status, headers["cache-control"]]).toEqual([200, "private, max-age=600, immutable"]);
});

describe("Cache-Control of a response that the app would let browsers store", () => {
  const FRAME = { "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe", "sec-fetch-site": "same-origin" };
  const FETCH = { "sec-fetch-mode": "cors", "sec-fetch-dest": "empty", "sec-fetch-site": "same-origin" };
  const IMAGE = { "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image", "sec-fetch-site": "same-origin" };
  const OLD = { accept: "text/html,*/*" };
  const API = { "x-csrf": "1", ...FETCH };
  const PAGE = FROM("same-origin");
  const [KEPT, REMOVED] = ["private, no-cache", "no-store"];
  it.each<[what: string, path: string, init: Init, expected: readonly [withSession: string, anonymous?: string]]>([
    ["a page", "/list", { headers: PAGE }, [REMOVED, KEPT]],
    ["a page, without Fetch Metadata", "/list", { headers: OLD }, [REMOVED, KEPT]],
    ["the page of a form post", "/list", { method: "POST", headers: PAGE }, [REMOVED, KEPT]],
    ["a frame", "/list", { headers: FRAME }, [REMOVED, KEPT]],
    ["a page that needs a session", "/account/x", { headers: PAGE }, [REMOVED]],
    ["a page for sessions and bearers", "/both/x", { headers: PAGE }, [REMOVED]],
    ["a page of an API in a tab", "/images/x", { headers: PAGE }, [REMOVED]],
    ["data", "/list", { headers: FETCH }, [KEPT, KEPT]],
    ["an image", "/list", { headers: IMAGE }, [KEPT, KEPT]],
    ["data of an API", "/api/x", { headers: API }, [KEPT]],
    ["an image of an API", "/images/x", { headers: IMAGE }, [KEPT]],
    ["a public page", "/open/x", { headers: PAGE }, ["max-age=60", "max-age=60"]],
  ])("%s (%s) is not stored if it is a document of a user", async (_what, path, init, [withSession, anonymous]) => {
    respond = (_request, response) => void response.writeHead(200, { "cache-control": "max-age=60" }).end("x");
    const { status, headers } = await send(path, { ...init, cookies: await loggedIn() });
    expect([status, headers["cache-control"]]).toEqual([200, withSession]);
    if (anonymous === undefined) return;
    expect((await send(path, init)).headers["cache-control"]).toBe(anonymous);
  });
});
