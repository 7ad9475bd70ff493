// A gateway mounted in each server, through real sockets: login, API through a row, own routes, logout.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startHostileProvider, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { startUpstream, type TestUpstream } from "../proxy/gateway.ts";
import { HOSTS, PAGE, startHost, testConfiguration, type MountedHost } from "./hosts.ts";

let provider: HostileProvider;
let upstream: TestUpstream;

beforeAll(async () => {
  provider = await startHostileProvider();
  provider.overrides = { claims: (claims) => ({ ...claims, roles: ["clerk"] }) };
  upstream = await startUpstream();
});
afterAll(async () => {
  await provider.stop();
  upstream.stop();
});

const rows = () => [
  { prefix: "/api", baseUrl: upstream.origin },
  { prefix: "/hooks", baseUrl: upstream.origin, access: "public" as const },
];

describe.each(Object.entries(HOSTS))("a gateway in %s", (_name, start) => {
  let host: MountedHost;
  let browser: TestBrowser;
  beforeAll(async () => {
    host = await startHost({
      start,
      configuration: (origin) => testConfiguration(origin, provider, { upstreams: rows() }),
    });
    browser = testBrowser(host.origin);
    await browser.login();
  });
  afterAll(() => host.stop());
  const code = async (response: Response) => ((await response.json()) as { code?: string }).code;

  it("logs in, forwards requests with the token, serves own routes with the session, and logs out", async () => {
    const own = testBrowser(host.origin);
    expect((await own.fetch("/own/me")).status).toBe(401);
    const callback = await own.login("?returnTo=/orders");
    expect([callback.status, callback.headers.get("location")]).toEqual([303, `${host.origin}/orders`]);
    upstream.arrived.length = 0;
    expect((await own.fetch("/api/orders", { method: "POST", body: "{}" })).status).toBe(200);
    expect(upstream.arrived).toMatchObject([{ url: "/orders", body: "{}" }]);
    expect(upstream.arrived[0]?.headers.authorization).toMatch(/^Bearer access-/);
    const me = await own.fetch("/own/me");
    expect(me.status).toBe(200);
    expect(await me.json()).toMatchObject({ sub: "alice", roles: ["clerk"], session: { acr: "1" } });
    const token = (await (await own.fetch("/own/token")).json()) as { token: object };
    expect(token.token).toMatchObject({
      kind: "ready",
      tokenType: "Bearer",
      accessToken: upstream.arrived[0]?.headers.authorization?.slice("Bearer ".length),
    });
    expect((await own.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } })).status).toBe(
      200,
    );
    expect((await own.fetch("/own/me")).status).toBe(401);
    expect((await own.fetch("/api/orders")).status).toBe(401);
  });

  it.each(["/", "/orders", "/apiary", "/bffs", "/BFF/user", "/API/x"])(
    "leaves the page %s to the host",
    async (path) => {
      const response = await browser.navigate(path);
      expect([response.status, await response.text()]).toEqual([200, PAGE]);
    },
  );

  it("leaves a path that does not exist to the host", async () => {
    expect((await browser.navigate("/missing")).status).toBe(404);
  });

  it("responds itself below /bff and its rows", async () => {
    const missing = await browser.fetch("/bff/unknown");
    expect([missing.status, await code(missing)]).toEqual([404, "not_found"]);
    expect(missing.headers.get("x-powered-by")).toBeNull();
    expect(missing.headers.get("content-security-policy")).toContain("default-src 'none'");
  });

  it.each<[path: string, headers: Record<string, string>, status: number, code: string | undefined]>([
    ["/own/me", {}, 200, undefined],
    ["/own/me", { "x-csrf": "" }, 403, "csrf_rejected"],
    ["/own/me", { "sec-fetch-site": "cross-site" }, 403, "csrf_rejected"],
    ["/own/me", { "sec-fetch-site": "same-site" }, 403, "csrf_rejected"],
    ["/own/me", { origin: "https://evil.example" }, 403, "csrf_rejected"],
    ["/own/me", { "x-session-handle": "of-another-session" }, 409, "session_changed"],
    ["/own/me", { cookie: "__Host-Http-session=a; __Host-Http-session=b" }, 400, "request_malformed"],
    ["/own/me", { cookie: `__Host-Http-session=${"u".repeat(43)}` }, 401, "session_expired"],
    ["/own/me", { cookie: "a=__Host-Http-session=b" }, 401, "session_missing"],
    ["/own/me", { "sec-fetch-site": "same-origin", "x-csrf": "1", authorization: "Bearer x" }, 200, undefined],
    ["/own/image", { "x-csrf": "" }, 200, undefined],
    ["/own/admin", {}, 403, "forbidden"],
    ["/own/scope", {}, 403, "forbidden"],
    ["/own/acr", {}, 401, "step_up_required"],
  ])("own route %s with %j is %i %s", async (path, headers, status, expected) => {
    const { cookie, ...others } = headers;
    const one = testBrowser(host.origin);
    if (cookie === undefined) for (const [name, value] of browser.cookies) one.cookies.set(name, value);
    else {
      const [first = "", ...rest] = cookie.split("=");
      one.cookies.set(first, rest.join("="));
    }
    const response = await one.fetch(path, { headers: others });
    expect(response.status).toBe(status);
    if (expected !== undefined) {
      expect(await code(response)).toBe(expected);
      expect(response.headers.get("content-type")).toContain("application/problem+json");
      expect(response.headers.get("cache-control")).toBe("no-store");
      // A planted cookie is removed.
      expect(response.headers.getSetCookie().length > 0).toBe(status === 400);
      expect(response.headers.get("content-security-policy")).toContain("sandbox");
    }
  });

  it("leads a navigation to an own page without a session to the login, once", async () => {
    const one = testBrowser(host.origin);
    const response = await one.navigate("/own/page?x=1");
    expect([response.status, response.headers.get("location")]).toEqual([
      303,
      `${host.origin}/bff/login?returnTo=%2Fown%2Fpage%3Fx%3D1`,
    ]);
    await one.login("?returnTo=/own/page");
    one.cookies.delete("__Host-Http-session");
    // A browser that blocks the cookie: the navigation is repeated once, then an error page ends the loop.
    const repeated = await one.navigate("/own/page");
    expect([repeated.status, await repeated.text()]).toEqual([200, expect.stringContaining("location.replace")]);
    const last = await one.navigate("/own/page");
    expect([last.status, last.headers.get("location")]).toEqual([401, null]);
    expect(last.headers.get("content-type")).toContain("text/html");
  });

  it("repeats a navigation of another site, from which the browser withholds the session cookie", async () => {
    const one = testBrowser(host.origin);
    const response = await one.navigate("/own/page", { "sec-fetch-site": "cross-site" });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain("location.replace");
    for (const [name, value] of browser.cookies) one.cookies.set(name, value);
    expect((await one.navigate("/own/page", { "sec-fetch-site": "same-origin" })).status).toBe(200);
  });
});
