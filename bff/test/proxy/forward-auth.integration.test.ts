// The forward-auth listener through real sockets, with the calls of each proxy.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FORWARD_AUTH_PROXIES, type ForwardAuthProxy } from "../../src/config/forward-auth-settings.ts";
import {
  callForwardAuth,
  describedCall,
  sendCall,
  type BrowserRequest,
  type CallResponse,
} from "@cloakroom/testkit/forward-auth-calls.ts";
import { navigationMarkerLine, type Marker } from "../../src/http/page-navigation.ts";
import { AMBIGUOUS_TARGETS, PLAIN_TARGETS } from "./forward-auth-targets.ts";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import { startHostileProvider, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createLog } from "../../src/logging/log.ts";
import { createForwardAuthServer } from "../../src/proxy/forward-auth/forward-auth-server.ts";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VARIABLES } from "../../src/config/setting-words.ts";

const FEW = { requests: 2, seconds: 600 };
const ROWS = [
  { prefix: "/api", baseUrl: "http://127.0.0.1:1", headers: { "X-Api-Key": "the key" } },
  { prefix: "/api/admin", baseUrl: "http://127.0.0.1:1", requiredRoles: ["admin"], methods: ["GET"] },
  { prefix: "/ws", baseUrl: "http://127.0.0.1:1", webSocket: true },
  { prefix: "/hooks", baseUrl: "http://127.0.0.1:1", access: "public" },
  { prefix: "/pages", baseUrl: "http://127.0.0.1:1", csrf: "same-origin" },
  { prefix: "/open", baseUrl: "http://127.0.0.1:1", access: "optional", csrf: "same-origin" },
  { prefix: "/files", baseUrl: "http://127.0.0.1:1" },
  { prefix: "/api/files", baseUrl: "http://127.0.0.1:1", encodedSlashes: true },
  { prefix: "/who", baseUrl: "http://127.0.0.1:1", identityHeaders: { "X-User": "sub", "X-Groups": "groups" } },
  {
    ...{ prefix: "/maybe", baseUrl: "http://127.0.0.1:1", access: "optional", csrf: "same-origin" },
    identityHeaders: { "x-USER": "sub" },
  },
  { prefix: "/few", baseUrl: "http://127.0.0.1:1", access: "public", rateLimit: { perAddress: FEW } },
];

let provider: HostileProvider;
const gateways = new Map<ForwardAuthProxy, TestGateway>();
const cookies = new Map<ForwardAuthProxy, string>();

beforeAll(async () => {
  provider = await startHostileProvider();
  const file = join(mkdtempSync(join(tmpdir(), "cloakroom-")), "upstreams.json");
  writeFileSync(file, JSON.stringify(ROWS));
  for (const proxy of FORWARD_AUTH_PROXIES) {
    const env = { UPSTREAMS_FILE: file, FORWARD_AUTH_LISTEN: "127.0.0.1:0", FORWARD_AUTH_PROXY: proxy };
    const gateway = await startGateway({ ...provider, env });
    gateways.set(proxy, gateway);
    const browser = testBrowser(gateway.origin);
    await browser.login();
    cookies.set(proxy, `__Host-Http-session=${browser.cookies.get("__Host-Http-session")}`);
  }
});
afterAll(async () => {
  await Promise.all([...gateways.values()].map((gateway) => gateway.stop()));
  await provider.stop();
});

const gatewayOf = (proxy: ForwardAuthProxy) => gateways.get(proxy)!;
const hostOf = (proxy: ForwardAuthProxy) => new URL(gatewayOf(proxy).config.publicOrigin).host;

type Pair = readonly [string, string];
const FETCH: readonly Pair[] = [
  ["X-CSRF", "1"],
  ["Sec-Fetch-Site", "same-origin"],
  ["Sec-Fetch-Mode", "cors"],
  ["Sec-Fetch-Dest", "empty"],
];
const NAVIGATION: readonly Pair[] = [
  ["Sec-Fetch-Site", "same-origin"],
  ["Sec-Fetch-Mode", "navigate"],
  ["Sec-Fetch-Dest", "document"],
  ["Accept", "text/html"],
];

type Sent = Partial<BrowserRequest> & { isUser?: boolean };

/** A call for a request of a browser, by default a fetch with a session. */
function call(proxy: ForwardAuthProxy, { isUser = true, headers = FETCH, ...sent }: Sent): Promise<CallResponse> {
  const cookie: Pair[] = isUser ? [["Cookie", cookies.get(proxy)!]] : [];
  return callForwardAuth(gatewayOf(proxy).forwardAuthOrigin, proxy, {
    ...{ target: "/api/x", host: hostOf(proxy), ...sent },
    headers: [...cookie, ...headers],
  });
}

/** The status that the browser receives; with nginx it is in a header. */
function browserStatus({ status, headers }: CallResponse): number {
  return Number(headers["x-auth-status"] ?? status);
}

describe.each(FORWARD_AUTH_PROXIES)("an allow for %s", (proxy) => {
  it("an allow has the bearer, the request id and every configured header", async () => {
    const { status, headers, body } = await call(proxy, {});
    expect(status).toBe(200);
    expect(headers.authorization).toMatch(/^Bearer \S+$/);
    expect(headers["x-request-id"]).toMatch(/^[\da-f-]{36}$/);
    expect(headers["x-api-key"]).toBe("the key");
    expect(headers["cache-control"]).toBe("no-store");
    expect(headers["set-cookie"]).toBeUndefined();
    expect(body).toBe("");
  });

  it.each([
    ["a public row", "/hooks/stripe", []],
    ["an optional row without a session", "/open/page", NAVIGATION],
  ])("replaces Authorization and all configured headers by empty ones on %s", async (_title, target, headers) => {
    const spoofed: Pair[] = [
      ["Authorization", "Bearer forged"],
      ["X-Api-Key", "forged"],
    ];
    const response = await call(proxy, { target, isUser: false, headers: [...headers, ...spoofed] });
    expect(response.status).toBe(200);
    expect(response.headers).toMatchObject({ authorization: "", "x-api-key": "" });
  });

  it("an allow has the identity headers of the row, empty for an absent claim and on other rows", async () => {
    const spoofed: Pair[] = [
      ["X-User", "admin"],
      ["X-Groups", "admins"],
    ];
    const own = await call(proxy, { target: "/who/x", headers: [...FETCH, ...spoofed] });
    expect([own.status, own.headers["x-groups"]]).toEqual([200, ""]);
    expect(own.headers["x-user"]).not.toMatch(/^$|admin/);
    const other = await call(proxy, { target: "/hooks/x", isUser: false, headers: spoofed });
    expect(other.headers).toMatchObject({ "x-user": "", "x-groups": "" });
  });

  it("has every identity header, empty, for an optional row without a session", async () => {
    const { status, headers } = await call(proxy, { target: "/maybe/x", isUser: false, headers: NAVIGATION });
    expect(status).toBe(200);
    expect(headers).toMatchObject({ "x-user": "", "x-groups": "", "x-api-key": "" });
  });

  it("has a header once that rows set in different ways", async () => {
    const { headers } = await call(proxy, { target: "/maybe/x" });
    expect(headers["x-user"]).not.toContain(",");
    expect(headers["x-user"]).not.toBe("");
  });

  it("counts for the rate limit of the row and the address of the described request", async () => {
    const responses: CallResponse[] = [];
    for (let n = 0; n < 3; n++) responses.push(await call(proxy, { target: "/few/x", isUser: false, headers: [] }));
    expect(responses.map(browserStatus)).toEqual([200, 200, 429]);
    expect(responses.map(({ headers }) => headers["ratelimit-policy"])).toEqual(
      Array(3).fill('"per-address";q=2;w=600'),
    );
    expect(responses.map(({ headers }) => /;r=(\d+);/.exec(String(headers["ratelimit"]))?.[1])).toEqual([
      "1",
      "0",
      "0",
    ]);
    expect(Number(responses[2]!.headers["retry-after"])).toBeGreaterThan(500);
  });

  it("a decision is logged as the described request", async () => {
    await call(proxy, { target: "/api/logged?secret=1", method: "POST" });
    const lines = gatewayOf(proxy).log.map((line) => JSON.parse(line) as Record<string, unknown>);
    const line = lines.findLast(({ msg }) => msg === "request");
    expect(line).toMatchObject({ method: "POST", path: "/api/logged", status: 200, upstream: "/api" });
    expect(line).toMatchObject({ clientAddress: "203.0.113.7" });
    expect(JSON.stringify(line)).not.toContain("secret");
  });
});

type Row = [title: string, sent: Sent, status: number];

const DECISIONS: readonly Row[] = [
  ["a fetch with a session", {}, 200],
  ["a fetch without a session", { isUser: false }, 401],
  [
    "a session id that does not exist",
    { isUser: false, headers: [...FETCH, ["Cookie", `__Host-Http-session=${"A".repeat(43)}`]] },
    401,
  ],
  ["a duplicate session cookie", { headers: [...FETCH, ["Cookie", `__Host-Http-session=${"A".repeat(43)}`]] }, 400],
  ["a path without a row", { target: "/nowhere" }, 404],
  ["a route of the gateway", { target: "/bff/user" }, 404],
  ["the app's page", { target: "/", headers: NAVIGATION }, 404],
  ["a fetch without X-CSRF", { headers: [["Sec-Fetch-Site", "same-origin"]] }, 403],
  [
    "a fetch of another site",
    {
      headers: [
        ["X-CSRF", "1"],
        ["Sec-Fetch-Site", "cross-site"],
      ],
    },
    403,
  ],
  [
    "a fetch of a sibling host",
    {
      headers: [
        ["X-CSRF", "1"],
        ["Sec-Fetch-Site", "same-site"],
      ],
    },
    403,
  ],
  [
    "a foreign Origin without Fetch Metadata",
    {
      headers: [
        ["X-CSRF", "1"],
        ["Origin", "https://evil.test"],
      ],
    },
    403,
  ],
  [
    "a form post of another site to a page row",
    {
      target: "/pages/x",
      method: "POST",
      headers: [
        ["Sec-Fetch-Site", "cross-site"],
        ["Origin", "https://evil.test"],
      ],
    },
    403,
  ],
  [
    "a form post of our page to a page row",
    { target: "/pages/x", method: "POST", headers: [["Sec-Fetch-Site", "same-origin"]] },
    200,
  ],
  ["a webhook without anything", { target: "/hooks/x", method: "POST", isUser: false, headers: [] }, 200],
  ["a missing role", { target: "/api/admin/users" }, 403],
  ["a method that the row does not allow", { target: "/api/admin/users", method: "DELETE" }, 405],
  ["an unknown method", { method: "PURGE" }, 405],
  ["another Host", { host: "evil.test" }, 421],
  ["a Host with a final dot", { host: "localhost.:1" }, 421],
  ["a navigation without a session", { target: "/pages/x?a=1&b=2", isUser: false, headers: NAVIGATION }, 303],
  ["a WebSocket of our page", { target: "/ws/chat", headers: handshake("ours") }, 200],
  ["a WebSocket without a session", { target: "/ws/chat", isUser: false, headers: handshake("ours") }, 401],
  ["a WebSocket of another site", { target: "/ws/chat", headers: handshake("https://evil.test") }, 403],
  ["a WebSocket without Origin", { target: "/ws/chat", headers: handshake(undefined) }, 403],
  ["a WebSocket to a row without webSocket", { target: "/api/x", headers: handshake("ours") }, 400],
  ["a WebSocket with POST", { target: "/ws/chat", method: "POST", headers: handshake("ours") }, 400],
];

function handshake(origin: string | undefined): Pair[] {
  return [
    ["Connection", "Upgrade"],
    ["Upgrade", "websocket"],
    ["Sec-WebSocket-Version", "13"],
    ["Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="],
    ...(origin === undefined ? [] : [["Origin", origin] as Pair]),
  ];
}

const withOrigin = (proxy: ForwardAuthProxy, sent: Sent): Sent =>
  sent.headers === undefined
    ? sent
    : {
        ...sent,
        headers: sent.headers.map(([name, value]) => [
          name,
          value === "ours" ? gatewayOf(proxy).config.publicOrigin : value,
        ]),
      };

describe.each(FORWARD_AUTH_PROXIES)("a decision for %s", (proxy) => {
  it.each(DECISIONS)("%s", async (_title, sent, status) => {
    expect(browserStatus(await call(proxy, withOrigin(proxy, sent)))).toBe(status);
  });
});

describe.each(FORWARD_AUTH_PROXIES)("a denial for %s", (proxy) => {
  it("a fetch without a session gets a 401 with the login URL", async () => {
    const { status, headers, body } = await call(proxy, { isUser: false });
    expect(status).toBe(401);
    expect(headers["content-type"]).toMatch(/^application\/problem\+json/);
    expect(headers["www-authenticate"]).toMatch(/^Cloakroom /);
    expect(headers["cache-control"]).toBe("no-store");
    expect(JSON.parse(body)).toMatchObject({ status: 401, code: "session_missing", loginUrl: "/bff/login" });
    expect(headers.authorization).toBeUndefined();
  });

  it("a navigation without a session leads to the login and back, by an absolute URL", async () => {
    const { headers, body } = await call(proxy, { target: "/pages/x?a=1&b=2", isUser: false, headers: NAVIGATION });
    const { publicOrigin } = gatewayOf(proxy).config;
    expect(headers.location).toBe(`${publicOrigin}/bff/login?returnTo=${encodeURIComponent("/pages/x?a=1&b=2")}`);
    expect(body).toBe("");
    const login = new URL(headers.location!);
    const started = await testBrowser(gatewayOf(proxy).origin).navigate(login.pathname + login.search);
    expect(started.status).toBe(303);
  });

  it.each([
    ["longer than a return path", `/pages/${"x".repeat(2_100)}`],
    ["of a row that serves no pages", "/files/x"],
  ])("a navigation to a path %s leads to a login without a return path", async (_title, target) => {
    const headers: Pair[] = target.startsWith("/files") ? [...NAVIGATION, ["X-CSRF", "1"]] : [...NAVIGATION];
    const response = await call(proxy, { target, isUser: false, headers });
    expect(response.headers.location).toBe(`${gatewayOf(proxy).config.publicOrigin}/bff/login`);
  });

  it("a navigation of another site without the session cookie gets the refresh page, once", async () => {
    const foreign: Pair[] = NAVIGATION.map(([name, value]) => [name, name === "Sec-Fetch-Site" ? "cross-site" : value]);
    const first = await call(proxy, { target: "/pages/x?a=1", isUser: false, headers: foreign });
    expect(first.status).toBe(401);
    expect(first.headers["content-type"]).toMatch(/^text\/html/);
    expect(first.headers["content-security-policy"]).toContain("script-src 'sha256-");
    expect(first.headers["cache-control"]).toBe("no-store");
    expect(first.body).toContain("location.replace");
    if (proxy === "nginx") expect(first.headers["x-auth-body"]).toBe(first.body);
    const german: Pair[] = [...foreign, ["Accept-Language", "de"]];
    const inGerman = await call(proxy, { target: "/pages/x?a=1", isUser: false, headers: german });
    // In ASCII, because nginx receives the page in a header.
    expect(inGerman.body).toContain("Die Seite wird ge&#246;ffnet.");
    expect(inGerman.headers["content-language"]).toBe("de");
    if (proxy === "nginx") expect(inGerman.headers["x-auth-body"]).toBe(inGerman.body);
    const [marker = ""] = first.headers["set-cookie"]?.[0]?.split(";") ?? [];
    const again: Pair[] = [...foreign, ["Cookie", marker]];
    const second = await call(proxy, { target: "/pages/x?a=1", isUser: false, headers: again });
    expect(browserStatus(second)).toBe(303);
    const allowed = await call(proxy, { target: "/pages/x?a=1", headers: foreign });
    expect(allowed.status).toBe(200);
  });

  it("right after a login that left no session, a navigation is rejected instead of sent to another login", async () => {
    const target = "/pages/x";
    const value = (marker: Marker) => navigationMarkerLine(target, marker).split(";")[0] ?? "";
    const refreshed = await call(proxy, {
      target,
      isUser: false,
      headers: [...NAVIGATION, ["Cookie", value("logged-in")]],
    });
    expect(refreshed.headers["content-type"]).toMatch(/^text\/html/);
    const last: Pair = ["Cookie", value("logged-in-refreshed")];
    const rejected = await call(proxy, { target, isUser: false, headers: [...NAVIGATION, last] });
    expect(browserStatus(rejected)).toBe(401);
    expect(rejected.headers.location).toBeUndefined();
  });

  it("a method that is not allowed gets the allowed ones", async () => {
    const { headers } = await call(proxy, { target: "/api/admin/x", method: "DELETE" });
    expect(headers.allow).toBe("GET");
  });

  it("planted duplicates of the session cookie are removed", async () => {
    const planted: Pair = ["Cookie", `__Host-Http-session=${"A".repeat(43)}`];
    const { headers } = await call(proxy, { headers: [...FETCH, planted] });
    expect(headers["set-cookie"]?.[0]).toMatch(/Max-Age=0/);
    if (proxy === "nginx") expect(headers["set-cookie"]).toHaveLength(1);
  });

  it("a security event is logged for a request of another site", async () => {
    const before = gatewayOf(proxy).events("csrf_rejected").length;
    await call(proxy, { headers: [["Sec-Fetch-Site", "cross-site"]] });
    expect(gatewayOf(proxy).events("csrf_rejected")).toHaveLength(before + 1);
  });
});

/** A row's path in another case is no row's path: 404. */
const OTHER_CASE = ["/API/x", "/Api/x", "/api/Admin/x", "/HOOKS/x"];

describe.each(FORWARD_AUTH_PROXIES)("a target for %s", (proxy) => {
  it.each(AMBIGUOUS_TARGETS)("a target with %s is rejected", async (_title, target) => {
    const response = await call(proxy, { target });
    expect(browserStatus(response)).toBe(400);
    expect(response.headers.authorization).toBeUndefined();
  });
  it.each(OTHER_CASE)("%s belongs to no row", async (target) => {
    expect(browserStatus(await call(proxy, { target }))).toBe(404);
  });
  it.each(PLAIN_TARGETS)("%s is accepted", async (target) => {
    expect((await call(proxy, { target })).status).toBe(200);
  });
});

// A browser's copies of describing headers, and of headers that describe a request elsewhere. The session would be allowed to
// call /hooks without anything; none of them makes the rejected request one for /hooks.
const SPOOFED: readonly Pair[] = [
  ["X-Forwarded-Uri", "/hooks/x"],
  ["X-Forwarded-Method", "GET"],
  ["X-Forwarded-Host", "evil.test"],
  ["X-Forwarded-Proto", "http"],
  ["X-Forwarded-For", "127.0.0.1"],
  ["X-Forwarded-Prefix", "/hooks"],
  ["X-Forwarded-Port", "443"],
  ["X-Original-URI", "/hooks/x"],
  ["X-Original-Method", "GET"],
  ["X-Original-Host", "evil.test"],
  ["X-Original-For", "127.0.0.1"],
  ["X-Original-URL", "/hooks/x"],
  ["X-Rewrite-URL", "/hooks/x"],
  ["X-Envoy-Original-Path", "/hooks/x"],
  ["X-HTTP-Method-Override", "GET"],
  ["X-HTTP-Method", "GET"],
  ["X-Method-Override", "GET"],
  ["Forwarded", "for=127.0.0.1;host=evil.test"],
  ["User-Agent", "GoogleHC/1.0"],
  ["X-Real-IP", "127.0.0.1"],
];

describe.each(FORWARD_AUTH_PROXIES)("a browser's own headers for %s", (proxy) => {
  it.each(SPOOFED)("%s: %s does not change a decision", async (...spoofed) => {
    const denied = await call(proxy, { isUser: false, headers: [...FETCH, spoofed] });
    expect(browserStatus(denied)).toBe(401);
    const rejected = await call(proxy, { target: "/api/admin/x", method: "DELETE", headers: [...FETCH, spoofed] });
    expect(browserStatus(rejected)).toBe(405);
    const allowed = await call(proxy, { headers: [...FETCH, spoofed] });
    expect(allowed.status).toBe(200);
    const line = gatewayOf(proxy).log.findLast((each) => each.includes('"msg":"request"'));
    expect(JSON.parse(line!)).toMatchObject({ path: "/api/x", upstream: "/api", clientAddress: "203.0.113.7" });
  });

  it.each([
    ["GHSA-f59h-q822-g45g, CVE-2025-64484: an underscore in a configured header", "X_Api_Key"],
    ["GHSA-x677-9fxg-v5c5 of Traefik and its successor: a dot in a configured header", "X.Api.Key"],
    ["an underscore in Authorization's relative", "X_Forwarded_User"],
    ["a mixed spelling of a describing header", "X-Forwarded_Uri"],
    ["an underscore in an identity header", "Remote_User"],
    ["another sign", "X-Api*Key"],
  ])("%s is rejected", async (_title, name) => {
    if (proxy === "nginx" && /[_.]/.test(name)) return; // nginx drops such names before it calls.
    const response = await call(proxy, { headers: [...FETCH, [name, "forged"]] });
    expect(browserStatus(response)).toBe(400);
  });
});

describe("GHSA-5hvv-m4w4-gf6v: a health check's path or User-Agent is no exception", () => {
  it.each(["/ping", "/livez", "/readyz", "/metrics", "/healthz", "/forward-auth", "/robots.txt"])(
    "%s is decided like any other path",
    async (target) => {
      for (const proxy of FORWARD_AUTH_PROXIES)
        expect(browserStatus(await call(proxy, { target, isUser: false }))).toBe(404);
    },
  );
});

/** Removes or repeats headers of a call. */
function changed(proxy: ForwardAuthProxy, change: (headers: Pair[]) => Pair[]) {
  const described = describedCall(proxy, {
    target: "/hooks/x",
    host: hostOf(proxy),
    headers: [["Cookie", cookies.get(proxy)!], ...FETCH],
  });
  return sendCall(gatewayOf(proxy).forwardAuthOrigin, { ...described, headers: change([...described.headers]) });
}

const FAULTS: readonly (readonly [ForwardAuthProxy, string])[] = [
  ...["X-Original-Method", "X-Original-URI", "X-Original-Host", "X-Original-For"].map(
    (name) => ["nginx", name] as const,
  ),
  ...(["traefik", "caddy"] as const).flatMap((proxy) =>
    ["X-Forwarded-Method", "X-Forwarded-Uri", "X-Forwarded-Host", "X-Forwarded-For", "X-Forwarded-Proto"].map(
      (name) => [proxy, name] as const,
    ),
  ),
  ["envoy", "X-Original-For"],
];

describe.each(FORWARD_AUTH_PROXIES)("a Host of no application for %s", (proxy) => {
  it("is a 421 with a problem, not a fault of the configuration", async () => {
    const lines: string[] = [];
    const server = createForwardAuthServer({
      config: { proxy, listen: { kind: "tcp", host: "127.0.0.1", port: 0, isNetwork: false } },
      trustedProxies: gatewayOf(proxy).config.trustedProxies,
      applicationOf: () => undefined,
      log: createLog("info", { destination: { write: (line: string) => void lines.push(line) }, words: VARIABLES }),
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const response = await callForwardAuth(`http://127.0.0.1:${port}`, proxy, {
      ...{ target: "/api/x?secret", host: "unknown.test" },
      headers: [...NAVIGATION, ["Cookie", cookies.get(proxy)!]],
    });
    server.closeAllConnections();
    server.close();
    expect([browserStatus(response), response.headers.location]).toEqual([421, undefined]);
    expect(response.status).toBe(proxy === "nginx" ? 403 : 421);
    expect(JSON.parse(response.body)).toMatchObject({ status: 421, code: "request_malformed" });
    const logged = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(logged.find(({ msg }) => msg === "request")).toMatchObject({
      ...{ path: "/api/x", status: 421, clientAddress: "203.0.113.7", reason: "no application has this Host" },
    });
  });
});

describe("a call that does not describe one request", () => {
  const expectRejection = async (proxy: ForwardAuthProxy, { status, headers }: CallResponse, reason: string) => {
    expect(status).toBe(500);
    expect(headers.authorization).toBeUndefined();
    expect(gatewayOf(proxy).log.join("\n")).toContain(reason);
  };
  it.each(FAULTS)("%s without %s is rejected", async (proxy, name) => {
    const response = await changed(proxy, (headers) => headers.filter(([each]) => each !== name));
    await expectRejection(proxy, response, "forward-auth call rejected");
  });
  it.each(FAULTS)("%s with two %s is rejected", async (proxy, name) => {
    const response = await changed(proxy, (headers) => [[name.toLowerCase(), "/api/x"], ...headers]);
    await expectRejection(proxy, response, "forward-auth call rejected");
  });
  it.each(["/", "/api/x", "/forward-auth/", "/Forward-Auth", "/forward-auth/api/x", "/livez"])(
    "the path %s is rejected for proxies that describe the path in a header",
    async (path) => {
      for (const proxy of ["nginx", "traefik", "caddy"] as const) {
        const described = describedCall(proxy, { target: "/hooks/x", host: hostOf(proxy) });
        const response = await sendCall(gatewayOf(proxy).forwardAuthOrigin, { ...described, path });
        expect(response.status).toBe(500);
      }
    },
  );
  it.each(["/hooks/x", "/forward-authhooks/x", "/forward-auth", "/forward-auth?x"])(
    "the path %s is rejected for Envoy",
    async (path) => {
      const described = describedCall("envoy", { target: "/hooks/x", host: hostOf("envoy") });
      const response = await sendCall(gatewayOf("envoy").forwardAuthOrigin, { ...described, path });
      expect(response.status).toBe(500);
    },
  );
  it("a call of another proxy than FORWARD_AUTH_PROXY is rejected", async () => {
    const described = describedCall("caddy", { target: "/hooks/x", host: hostOf("nginx") });
    expect((await sendCall(gatewayOf("nginx").forwardAuthOrigin, described)).status).toBe(500);
  });
});

describe("what the listener does not take from a browser", () => {
  it("another protocol than WebSocket, which Caddy passes on, is no handshake", async () => {
    const proxy = "caddy";
    const headers = handshake(gatewayOf(proxy).config.publicOrigin);
    const h2c = headers.map(([name, value]): Pair => [name, name === "Upgrade" ? "h2c" : value]);
    expect((await call(proxy, { target: "/ws/chat", headers: h2c })).status).toBe(400);
  });
  it.each(FORWARD_AUTH_PROXIES)("%s: addresses to the left of the proxy's own entry", async (proxy) => {
    await call(proxy, { address: "10.0.0.1, 198.51.100.9" });
    const line = gatewayOf(proxy).log.findLast((each) => each.includes('"msg":"request"'));
    expect(JSON.parse(line!)).toMatchObject({ clientAddress: "198.51.100.9" });
  });
});

describe("an allow for envoy", () => {
  it("an allow for envoy removes the browser's headers that the gateway would not forward, and keeps the handshake", async () => {
    const browser: Pair[] = [
      ...handshake(gatewayOf("envoy").config.publicOrigin),
      ["Remote-User", "root"],
      ["X-Forwarded-Prefix", "/x"],
      ["X-HTTP-Method-Override", "DELETE"],
      ["Authorization", "Bearer forged"],
      ["Accept-Language", "de"],
    ];
    const { headers } = await call("envoy", { target: "/ws/chat", headers: browser });
    const removed = String(headers["x-envoy-auth-headers-to-remove"]).split(", ");
    expect(removed).toEqual(
      expect.arrayContaining(["cookie", "remote-user", "x-forwarded-prefix", "x-http-method-override"]),
    );
    expect(removed).toContain("x-api-key");
    for (const kept of ["authorization", "accept-language", "sec-websocket-key", "upgrade", "connection", "host"])
      expect(removed).not.toContain(kept);
  });
});

describe("the public listener", () => {
  it("the public listener serves no decisions and ignores describing headers", async () => {
    for (const proxy of FORWARD_AUTH_PROXIES) {
      const { headers, path, method } = describedCall(proxy, {
        target: "/hooks/x",
        host: hostOf(proxy),
        headers: FETCH,
      });
      const own: Pair[] = [
        ["Host", hostOf(proxy)],
        ["Cookie", cookies.get(proxy)!],
      ];
      const rest = headers.filter(([name]) => name !== "Host");
      const response = await sendCall(gatewayOf(proxy).origin.replace("localhost", "127.0.0.1"), {
        method,
        path,
        headers: [...own, ...rest],
      });
      expect(response.headers.authorization).toBeUndefined();
      expect(response.status).toBe(404);
    }
  });
});
