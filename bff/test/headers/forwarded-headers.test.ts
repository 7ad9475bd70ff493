import { BlockList } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cacheControlFor } from "../../src/headers/forwarded-headers.ts";
import { RESPONSE_TABLES } from "../../src/headers/response-header-rules.ts";
import { createUpstreams, upstreamTarget } from "../../src/upstream/upstreams.ts";
import { parseUpstreams } from "../../src/config/upstreams.ts";
import {
  appRequest,
  BEARER,
  sendRaw,
  startGateway,
  startUpstream,
  type TestGateway,
  type TestUpstream,
} from "../proxy/gateway.ts";

/** Duplicates the table on purpose: a deleted rule must fail a test. */
const words = (text: string) => text.trim().split(/\s+/);
const NEVER_TO_THE_BROWSER = words(`
  Proxy-Connection TE HTTP2-Settings Set-Cookie Set-Cookie2 Content-Security-Policy Content-Security-Policy-Report-Only
  X-Content-Security-Policy X-WebKit-CSP Strict-Transport-Security Public-Key-Pins Public-Key-Pins-Report-Only Expect-CT
  Clear-Site-Data X-Content-Type-Options X-Frame-Options X-XSS-Protection X-Permitted-Cross-Domain-Policies DPoP-Nonce
  X-DNS-Prefetch-Control Referrer-Policy Permissions-Policy Permissions-Policy-Report-Only Feature-Policy Document-Policy
  Document-Policy-Report-Only Require-Document-Policy Document-Isolation-Policy Integrity-Policy
  Integrity-Policy-Report-Only Cross-Origin-Opener-Policy Cross-Origin-Opener-Policy-Report-Only
  Cross-Origin-Embedder-Policy Cross-Origin-Resource-Policy Origin-Agent-Cluster Origin-Isolation Origin-Trial
  Service-Worker-Allowed Service-Worker-Navigation-Preload Supports-Loading-Mode Use-As-Dictionary Timing-Allow-Origin
  Alt-Svc Refresh Report-To Reporting-Endpoints NEL X-Pingback Link-Template Accept-CH Accept-CH-Lifetime Critical-CH
  Delegate-CH Observe-Browsing-Topics Set-Login Activate-Storage-Access Speculation-Rules Attribution-Reporting-Register-Source
  Secure-Session-Registration Secure-Session-Challenge Sec-Session-Registration Sec-WebSocket-Accept SourceMap X-SourceMap
  Server X-Powered-By X-Generator X-AspNet-Version X-AspNetMvc-Version Via X-Request-Id X-Served-By X-Server
  X-Server-Name X-Host X-Hostname X-Pod-Name X-Node-Name X-Backend X-Backend-Server X-Upstream X-Upstream-Addr
  X-Kong-Upstream-Latency X-Envoy-Decorator-Operation X-Envoy-Upstream-Service-Time X-Internal-Host X-Forwarded-Host
  X-Forwarded-User X-Original-Url My-Hostname X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Charset
  X-Accel-Mapping X-Sendfile X-Sendfile2 X-Lighttpd-Send-File X-Lighttpd-Send-Tempfile X-LiteSpeed-Location
  X-LiteSpeed-Cache-Control X-Reproxy-URL X-Reproxy-File Surrogate-Control Surrogate-Key XKey CDN-Cache-Control
  Cloudflare-CDN-Cache-Control Vercel-CDN-Cache-Control Netlify-CDN-Cache-Control Edge-Control Edge-Cache-Control
  Akamai-Cache-Control Expires Pragma Proxy-Authenticate Proxy-Status Optional-WWW-Authenticate Authentication-Control
  Access-Control-Allow-Origin Access-Control-Allow-Credentials Access-Control-Expose-Headers
  Access-Control-Allow-Private-Network X_Under X.Dotted X_Accel_Redirect
`);

const NO_LOG = { info: () => {}, warn: () => {} };

let upstream: TestUpstream;
let gateway: TestGateway;
let respondWith: [name: string, value: string][] = [];

beforeAll(async () => {
  upstream = await startUpstream((_request, response) => {
    for (const [name, value] of respondWith) response.appendHeader(name, value);
    response.end("ok");
  });
  gateway = await startGateway({ upstreams: `/api=${upstream.origin}`, publicOrigin: "https://app.test" });
});
afterAll(async () => {
  await gateway.stop();
  upstream.stop();
});

async function arrivedWith(...extra: string[]): Promise<string[]> {
  const response = await sendRaw(gateway.port, appRequest(gateway, "GET /api/x", extra));
  expect([response.status, extra]).toEqual([200, extra]);
  return upstream.arrived.at(-1)!.rawHeaders;
}

async function returnedWith(...headers: [name: string, value: string][]) {
  respondWith = headers;
  const response = await sendRaw(gateway.port, appRequest(gateway, "GET /api/x"));
  respondWith = [];
  return response;
}

test("every entry of the response header tables is covered by the tests below", () => {
  const { names, prefixes, words: inside, stems } = RESPONSE_TABLES;
  const tested = NEVER_TO_THE_BROWSER.map((name) => name.toLowerCase());
  const untested = [
    ...Object.keys(names).filter((name) => !tested.includes(name)),
    ...Object.keys(prefixes).filter((prefix) => !tested.some((name) => name.startsWith(prefix))),
    ...Object.keys(inside).filter((word) => !tested.some((name) => name.split("-").includes(word))),
    ...Object.keys(stems).filter((stem) => !tested.some((name) => name.split("-").some((w) => w.startsWith(stem)))),
  ];
  expect(untested.toSorted()).toEqual(words("connection keep-alive trailer transfer-encoding upgrade"));
});

describe("request headers", () => {
  test("the upstream gets exactly these headers of a browser request", async () => {
    const raw = await arrivedWith(
      "User-Agent: Firefox",
      "Accept: application/json",
      "Accept-Language: de",
      'If-Match: "a"',
      "Idempotency-Key: 7",
      "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      "Cookie: __Host-Http-session=secret",
      "Origin: https://app.test",
      "Referer: https://app.test/page?secret",
      "Sec-Fetch-Mode: cors",
    );
    const requestId = raw[raw.length - 1];
    expect(raw.slice(4)).toEqual([
      "user-agent",
      "Firefox",
      "accept",
      "application/json",
      "accept-language",
      "de",
      "if-match",
      '"a"',
      "idempotency-key",
      "7",
      "traceparent",
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      "authorization",
      `Bearer ${BEARER}`,
      "x-forwarded-for",
      "127.0.0.1",
      "x-forwarded-proto",
      "https",
      "x-forwarded-host",
      "app.test",
      "x-forwarded-prefix",
      "/api",
      "x-request-id",
      requestId,
    ]);
    expect(raw.slice(0, 4)).toEqual(["host", new URL(upstream.origin).host, "connection", "keep-alive"]);
  });

  const forged = [
    "Cookie2",
    "TE",
    "Trailer",
    "Keep-Alive",
    "HTTP2-Settings",
    "Referer",
    "Proxy-Authorization",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Uri",
    "X-Auth-Request-User",
    "X-Ms-Client-Principal-Id",
    "X-Goog-Iap-Jwt-Assertion",
    "X-Amzn-Oidc-Data",
    "Sec-Fetch-User",
    "X_Forwarded_User",
    "X-Forwarded_User",
    "X_Real_IP",
    "Remote_User",
    "__proto__",
    "X-HTTP-Method-Override",
    "AUTHORIZATION",
  ];
  test.each(forged)("the browser's %s is not forwarded (CVE-2025-64484)", async (name) => {
    const raw = await arrivedWith(`${name}: canary-forged`);
    expect(raw.join("\n")).not.toContain("canary-forged");
    expect(raw).toContain(`Bearer ${BEARER}`);
  });

  test.each([
    "authorization, cookie, x-forwarded-for",
    "Authorization",
    "close, authorization, x-request-id",
    "x-forwarded-proto",
  ])("a browser's Connection: %s takes nothing of ours (CVE-2024-45410, CVE-2021-33197)", async (nominated) => {
    const raw = await arrivedWith(`Connection: ${nominated}, x-own`, "X-Own: nominated", "X-Other: kept");
    expect(raw).toContain(`Bearer ${BEARER}`);
    expect(raw).toContain("x-forwarded-proto");
    expect(raw).toContain("x-request-id");
    expect(raw).toContain("kept");
    expect(raw).not.toContain("nominated");
  });

  test("the upstream gets only the gateway's Authorization if the browser sends two", async () => {
    const raw = await arrivedWith("Authorization: Bearer one", "authorization: Bearer two");
    expect(raw.filter((name) => name.toLowerCase() === "authorization")).toHaveLength(1);
  });

  test("a request without a token has no Authorization, not even the browser's", async () => {
    const open = await startGateway({
      upstreams: `/api=${upstream.origin}`,
      authorize: async () => ({ accessToken: undefined }),
    });
    await sendRaw(open.port, appRequest(open, "GET /api/x", ["Authorization: Basic canary"]));
    expect(upstream.arrived.at(-1)!.headers.authorization).toBeUndefined();
    await open.stop();
  });

  test("X-Forwarded-For of a trusted proxy only determines the client address", async () => {
    const trustedProxies = new BlockList();
    trustedProxies.addAddress("127.0.0.1");
    const behind = await startGateway({ upstreams: `/api=${upstream.origin}`, trustedProxies });
    await sendRaw(behind.port, appRequest(behind, "GET /api/x", ["X-Forwarded-For: 6.6.6.6, 203.0.113.9"]));
    expect(upstream.arrived.at(-1)!.headers["x-forwarded-for"]).toBe("203.0.113.9");
    await behind.stop();
  });
});

describe("response headers", () => {
  test.each(NEVER_TO_THE_BROWSER)("the upstream's %s is not forwarded", async (name) => {
    // Valid as a cookie: rules that drop invalid values must not pass for the one that is tested.
    const response = await returnedWith([name, "canary-upstream=1; Path=/"]);
    expect(response.status).toBe(200);
    expect(response.raw).not.toContain("canary-upstream");
  });

  test("other response headers are forwarded, repeated ones repeated", async () => {
    const { headers } = await returnedWith(
      ["Content-Type", "application/json"],
      ["ETag", '"a"'],
      ["Link", "</api/x?page=2>; rel=next"],
      ["Link", "<x>; rel=self"],
      ["X-RateLimit-Remaining", "3"],
      ["Content-Disposition", "attachment"],
      ["Vary", "Accept"],
      ["Retry-After", "5"],
    );
    expect(headers.get("link")).toEqual(["</api/x?page=2>; rel=next", "<x>; rel=self"]);
    expect(headers.get("content-type")).toEqual(["application/json"]);
    expect(headers.get("etag")).toEqual(['"a"']);
    expect(headers.get("x-ratelimit-remaining")).toEqual(["3"]);
    expect(headers.get("content-disposition")).toEqual(["attachment"]);
    expect(headers.get("vary")).toEqual(["Accept"]);
    expect(headers.get("retry-after")).toEqual(["5"]);
  });

  test("response headers named in Connection are not forwarded", async () => {
    const response = await returnedWith(
      ["Connection", "keep-alive, x-internal, content-security-policy"],
      ["X-Internal", "canary"],
    );
    expect(response.raw).not.toContain("canary");
    expect(response.headers.get("content-security-policy")).toHaveLength(1);
  });

  test("a Basic challenge is not forwarded, a Bearer challenge is", async () => {
    expect((await returnedWith(["WWW-Authenticate", 'Basic realm="x"'])).headers.has("www-authenticate")).toBe(false);
    expect(
      (await returnedWith(["WWW-Authenticate", 'Bearer error="insufficient_scope"'])).headers.get("www-authenticate"),
    ).toEqual(['Bearer error="insufficient_scope"']);
    const two = await returnedWith(["WWW-Authenticate", 'Bearer x="y", Basic realm="z"']);
    expect(two.headers.has("www-authenticate")).toBe(false);
  });
});

describe("caching", () => {
  test.each([
    [undefined, "session", "no-store"],
    ["public, max-age=3600", "session", "private, no-cache"],
    ["s-maxage=3600", "session", "private, no-cache"],
    ["private, max-age=60", "optional", "private, no-cache"],
    ["no-cache", "session", "private, no-cache"],
    ["private, NO-STORE", "session", "no-store"],
    ["public, max-age=60", "session", "private, no-cache"],
    ["public, max-age=60", "public", "public, max-age=60"],
    [undefined, "public", "no-store"],
  ] as const)(
    "Cache-Control: %s of a response of a %s row becomes %s (cache deception, ASVS 14.2.2)",
    (sent, access, allowed) => {
      expect(cacheControlFor(sent, access)).toBe(allowed);
    },
  );

  test("a path that ends with .css does not make a personal response public (web cache deception)", async () => {
    respondWith = [["Cache-Control", "public, max-age=31536000, immutable"]];
    const response = await sendRaw(gateway.port, appRequest(gateway, "GET /api/me/x.css"));
    respondWith = [];
    expect(response.headers.get("cache-control")).toEqual(["private, no-cache"]);
  });
});

describe("upstreams", () => {
  const upstreams = createUpstreams(
    parseUpstreams(
      "/=http://pages.test/app,/api=http://a.test,/api/b=http://b.test/base/,/api/b/c=http://c.test",
      undefined,
    ).upstreams,
    NO_LOG,
  );
  test.each([
    ["/api/x", "/api", "/x"],
    ["/", "/", "/app/"],
    ["/x?q", "/", "/app/x?q"],
    ["/api/b", "/api/b", "/base"],
    ["/api/b/", "/api/b", "/base/"],
    ["/api/b?q", "/api/b", "/base?q"],
    ["/api/bc", "/api", "/bc"],
    ["/api/b/c/d", "/api/b/c", "/d"],
    ["/api/b/c", "/api/b/c", "/"],
  ])("the target %s is forwarded by the row %s as %s", (target, prefix, expected) => {
    const found = upstreams.find(({ config }) => config.prefix === prefix);
    expect(upstreamTarget(found!, target)).toBe(expected);
  });
});
