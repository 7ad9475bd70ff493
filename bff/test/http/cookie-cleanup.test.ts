// Cookie cleanup: a planted duplicate cookie is removed by the 400 response, for every Domain and Path.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCookieCleanup } from "../../src/http/cookie-cleanup.ts";
import { SESSION_COOKIE } from "../../src/session/cookies.ts";
import { sendRaw, startGateway, startUpstream, type TestGateway, type TestUpstream } from "../proxy/gateway.ts";

const HOST = "app.team.example.test";

let upstream: TestUpstream;
let gateway: TestGateway;
beforeAll(async () => {
  upstream = await startUpstream();
  gateway = await startGateway({ upstreams: `/api=${upstream.origin}`, publicOrigin: `https://${HOST}` });
});
afterAll(async () => {
  await gateway.stop();
  upstream.stop();
});

type Stored = { name?: ""; value: string; domain: string | undefined; path: string };

/** The cookie jar of a browser that enforces no prefix (RFC 6265bis §5.7), for one name and for no name (as WebKitGTK has them). */
function cookieJar(host: string) {
  let stored: Stored[] = [];
  return {
    plant: (cookie: Stored) => void stored.push(cookie),
    header: (path: string) =>
      stored
        .filter(({ path: own }) => path === own || path.startsWith(own.endsWith("/") ? own : `${own}/`))
        .toSorted((a, b) => b.path.length - a.path.length)
        .map(({ name, value }) => (name === "" ? value : `${SESSION_COOKIE}=${value}`))
        .join("; "),
    take(lines: readonly string[]): void {
      for (const line of lines) {
        const path = /; Path=([^;]*)/.exec(line)?.[1];
        const domain = /; Domain=([^;]*)/.exec(line)?.[1];
        if (domain !== undefined && host !== domain && !host.endsWith(`.${domain}`)) continue;
        const name = line.startsWith("=") ? "" : undefined;
        stored = stored.filter((each) => each.name !== name || each.path !== path || each.domain !== domain);
      }
    },
    values: () => stored.map(({ value }) => value),
  };
}

/** @returns the number of rejected requests before one is accepted */
async function requestsUntilAccepted(jar: ReturnType<typeof cookieJar>, path: string): Promise<number> {
  for (let rejected = 0; rejected < 60; rejected++) {
    const response = await sendRaw(
      gateway.port,
      `GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\nX-CSRF: 1\r\nSec-Fetch-Site: same-origin\r\nCookie: ${jar.header(path.split("?")[0]!)}\r\n\r\n`,
    );
    if (response.status !== 400) return rejected;
    const lines = response.headers.get("set-cookie") ?? [];
    // nginx's default limit for a response head is 4 kB.
    expect(response.raw.indexOf("\r\n\r\n")).toBeLessThan(4_096);
    jar.take(lines);
  }
  return Infinity;
}

const DOMAINS = [HOST, "team.example.test", "example.test", undefined];
const PATHS = ["/", "/api", "/api/", "/api/orders", "/api/orders/", "/api/orders/7"];
const PLACES = DOMAINS.flatMap((domain) => PATHS.map((path) => [domain, path] as const)).filter(
  ([domain, path]) => domain !== undefined || path !== "/",
);

describe("the next request after a rejection is accepted", () => {
  it.each(PLACES)(
    "the next request is accepted after a rejection of a cookie planted with Domain=%s and Path=%s",
    async (domain, path) => {
      const jar = cookieJar(HOST);
      jar.plant({ value: "own", domain: undefined, path: "/" });
      jar.plant({ value: "planted", domain, path });
      expect(await requestsUntilAccepted(jar, "/api/orders/7?page=2")).toBe(1);
      expect(jar.values()).toEqual(["own"]);
    },
  );

  it.each(PLACES)(
    "the next request is accepted after a rejection of a cookie planted without a name, with Domain=%s and Path=%s",
    async (domain, path) => {
      const jar = cookieJar(HOST);
      jar.plant({ value: "own", domain: undefined, path: "/" });
      jar.plant({ name: "", value: `${SESSION_COOKIE}=planted`, domain, path });
      expect(await requestsUntilAccepted(jar, "/api/orders/7")).toBeLessThan(20);
      expect(jar.values()).toEqual(["own"]);
    },
  );

  it("the next request is accepted after a rejection of cookies planted at every place at once", async () => {
    const jar = cookieJar(HOST);
    jar.plant({ value: "own", domain: undefined, path: "/" });
    for (const [domain, path] of PLACES) {
      jar.plant({ value: "planted", domain, path });
      jar.plant({ name: "", value: `${SESSION_COOKIE}=planted`, domain, path });
    }
    expect(await requestsUntilAccepted(jar, "/api/orders/7")).toBeLessThan(60);
    expect(jar.values()).toEqual(["own"]);
  });
});

it.each(["/api/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p", `/api/${"long".repeat(50)}/${"er".repeat(50)}/x`])(
  "a path that needs more deletions than one response may carry is cleaned by several responses: %s",
  async (target) => {
    for (const path of [target, target.slice(0, target.lastIndexOf("/")), "/api"]) {
      const jar = cookieJar(HOST);
      jar.plant({ value: "own", domain: undefined, path: "/" });
      jar.plant({ value: "planted", domain: "example.test", path });
      expect(await requestsUntilAccepted(jar, target)).toBeLessThan(60);
      expect(jar.values()).toEqual(["own"]);
    }
  },
);

describe("the Set-Cookie lines", () => {
  const linesAt = (publicOrigin: string, path = "/x") =>
    createCookieCleanup({ publicOrigin })([SESSION_COOKIE], path).map((line) =>
      line.replace(`${SESSION_COOKIE}=; `, ""),
    );

  it("the lines never expire the gateway's own cookie (host-only, Path=/)", () => {
    for (const origin of ["https://app.example.test", "http://localhost:3000", "http://127.0.0.1:3000", "http://[::1]"])
      for (const line of linesAt(origin)) expect(line).not.toMatch(/^Path=\/; (Max-Age|Secure)/);
  });

  it.each([
    ["https://app.example.test", ["app.example.test", "example.test"]],
    ["https://example.test:8443", ["example.test"]],
    ["http://localhost:3000", []],
    ["http://127.0.0.1:3000", []],
    ["http://[::1]:3000", []],
  ])("the Set-Cookie lines of %s name the domains %j", (origin, domains) => {
    const named = linesAt(origin).flatMap((line) => /Domain=([^;]*)/.exec(line)?.[1] ?? []);
    expect([...new Set(named)].toSorted()).toEqual(domains);
  });

  it("the lines have Secure over https only, since browsers ignore Secure lines over http", () => {
    for (const line of linesAt("https://app.example.test")) expect(line).toMatch(/; Secure$/);
    for (const line of linesAt("http://localhost:3000", "/bff/user")) expect(line).not.toContain("Secure");
  });

  it("only lines up to the size limit are built, out of a million combinations", () => {
    let made = 0;
    const name = { toString: () => `__Host-Http-login-${++made}` } as unknown as string;
    const expire = createCookieCleanup({ publicOrigin: "https://a.b.c.d.example.test" });
    const lines = expire(Array<string>(200).fill(name), `/${"a/".repeat(510)}`);
    expect(lines.length).toBeGreaterThan(1);
    expect(made).toBeLessThan(100);
  });

  it.each([
    ["a semicolon", "/a;b/c", ["/"]],
    ["an escape", "/a%20b/c", ["/", "/a%20b", "/a%20b/", "/a%20b/c"]],
    ["a long segment", `/x/${"y".repeat(2_000)}`, ["/", "/x", "/x/"]],
    ["a slash at the end", "/x/", ["/", "/x", "/x/"]],
  ])("the Set-Cookie lines of a path with %s name every path that a browser stores", (_title, path, expected) => {
    const named = linesAt("https://example.test", path).map((line) => /^(?:=x; )?Path=([^;]*)/.exec(line)?.[1] ?? "");
    expect([...new Set(named)].toSorted()).toEqual(expected);
  });
});
