import { BlockList } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allowedCaching } from "../../src/proxy/caching.ts";
import { REQUEST_RULES, RESPONSE_RULES } from "../../src/proxy/header-rules.ts";
import { browserLocation } from "../../src/proxy/location.ts";
import { createUpstreams, findUpstream, upstreamTarget } from "../../src/proxy/upstreams.ts";
import { parseUpstreams } from "../../src/upstream-config.ts";
import {
  appRequest,
  BEARER,
  sendRaw,
  startGateway,
  startUpstream,
  type TestGateway,
  type TestUpstream,
} from "./gateway.ts";

/** Spelled here once more: a rule that is lost must not take its test along. */
const words = (text: string) => text.trim().split(/\s+/);
const NEVER_TO_THE_UPSTREAM = words(`
  keep-alive proxy-connection te trailer http2-settings cookie cookie2 authorization referer forwarded
  x-request-id x-real-ip x-client-ip x-cluster-client-ip true-client-ip cf-connecting-ip fastly-client-ip
  fly-client-ip x-original-forwarded-for x-host x-original-host x-http-host-override x-original-url
  x-original-uri x-rewrite-url x-http-method-override x-http-method x-method-override x-middleware-subrequest
  remote-user x-remote-user x-webauth-user x-user x-authenticated-user client-cert client-cert-chain
  x-client-cert
`);
const NEVER_TO_THE_BROWSER = words(`
  proxy-connection te http2-settings set-cookie set-cookie2 content-security-policy
  content-security-policy-report-only strict-transport-security public-key-pins public-key-pins-report-only
  expect-ct clear-site-data x-content-type-options x-frame-options x-xss-protection referrer-policy
  permissions-policy feature-policy document-policy cross-origin-opener-policy cross-origin-embedder-policy
  cross-origin-resource-policy origin-agent-cluster origin-trial service-worker-allowed timing-allow-origin
  alt-svc refresh report-to reporting-endpoints nel accept-ch critical-ch set-login activate-storage-access
  speculation-rules sourcemap x-sourcemap server x-powered-by x-aspnet-version x-aspnetmvc-version via
  x-request-id x-sendfile expires pragma proxy-authenticate
`);

const NO_LOG = { info: () => {}, warn: () => {} };

let upstream: TestUpstream;
let gateway: TestGateway;
let answerWith: [name: string, value: string][] = [];

beforeAll(async () => {
  upstream = await startUpstream((_request, response) => {
    for (const [name, value] of answerWith) response.appendHeader(name, value);
    response.end("ok");
  });
  gateway = await startGateway({ upstreams: `/api=${upstream.origin}`, publicOrigin: "https://app.test" });
});
afterAll(async () => {
  await gateway.stop();
  upstream.stop();
});

async function arrivedWith(...extra: string[]): Promise<string[]> {
  const answer = await sendRaw(gateway.port, appRequest(gateway, "GET /api/x", extra));
  expect([answer.status, extra]).toEqual([200, extra]);
  return upstream.arrived.at(-1)!.rawHeaders;
}

async function returnedWith(...headers: [name: string, value: string][]) {
  answerWith = headers;
  const answer = await sendRaw(gateway.port, appRequest(gateway, "GET /api/x"));
  answerWith = [];
  return answer;
}

test("every rule about a header has its test below", () => {
  const special = words("host content-length expect upgrade connection transfer-encoding x-csrf origin");
  expect(Object.keys(REQUEST_RULES).toSorted()).toEqual([...NEVER_TO_THE_UPSTREAM, ...special].toSorted());
  const ofConnection = words("connection keep-alive transfer-encoding trailer upgrade");
  expect(Object.keys(RESPONSE_RULES).toSorted()).toEqual([...NEVER_TO_THE_BROWSER, ...ofConnection].toSorted());
});

describe("to the upstream", () => {
  test("goes exactly this of what a browser sends", async () => {
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
    ...NEVER_TO_THE_UPSTREAM,
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
  test.each(forged)("never goes the browser's own %s (CVE-2025-64484)", async (name) => {
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

  test("goes one Authorization, ours, when the browser sends two", async () => {
    const raw = await arrivedWith("Authorization: Bearer one", "authorization: Bearer two");
    expect(raw.filter((name) => name.toLowerCase() === "authorization")).toHaveLength(1);
  });

  test("without a token goes no Authorization at all, not even the browser's", async () => {
    const open = await startGateway({
      upstreams: `/api=${upstream.origin}`,
      authorize: async () => ({ accessToken: undefined }),
    });
    await sendRaw(open.port, appRequest(open, "GET /api/x", ["Authorization: Basic canary"]));
    expect(upstream.arrived.at(-1)!.headers.authorization).toBeUndefined();
    await open.stop();
  });

  test("the client's address comes from a trusted proxy only", async () => {
    const trustedProxies = new BlockList();
    trustedProxies.addAddress("127.0.0.1");
    const behind = await startGateway({ upstreams: `/api=${upstream.origin}`, trustedProxies });
    await sendRaw(behind.port, appRequest(behind, "GET /api/x", ["X-Forwarded-For: 6.6.6.6, 203.0.113.9"]));
    expect(upstream.arrived.at(-1)!.headers["x-forwarded-for"]).toBe("203.0.113.9");
    await behind.stop();
  });
});

describe("back to the browser", () => {
  const denied = [
    ...NEVER_TO_THE_BROWSER,
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Credentials",
    "X-Accel-Redirect",
    "Surrogate-Control",
    "CDN-Cache-Control",
    "Sec-WebSocket-Accept",
    "X_Under",
  ];
  test.each(denied)("never comes the upstream's own %s", async (name) => {
    const answer = await returnedWith([name, "canary-upstream"]);
    expect(answer.status).toBe(200);
    expect(answer.raw).not.toContain("canary-upstream");
  });

  test("comes the rest, repeated ones repeated", async () => {
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

  test("what the upstream's Connection nominates stays there", async () => {
    const answer = await returnedWith(
      ["Connection", "keep-alive, x-internal, content-security-policy"],
      ["X-Internal", "canary"],
    );
    expect(answer.raw).not.toContain("canary");
    expect(answer.headers.get("content-security-policy")).toHaveLength(1);
  });

  test("a password dialog cannot be opened, a bearer challenge passes", async () => {
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
    [undefined, "user", "no-store"],
    ["public, max-age=3600", "user", "private, no-cache"],
    ["s-maxage=3600", "user", "private, no-cache"],
    ["private, max-age=60", "optional", "private, no-cache"],
    ["no-cache", "user", "private, no-cache"],
    ["private, NO-STORE", "user", "no-store"],
    ["public, max-age=60", "client", "private, no-cache"],
    ["public, max-age=60", "none", "public, max-age=60"],
    [undefined, "none", "no-store"],
  ] as const)("%s for a %s token becomes %s (cache deception, ASVS 14.2.2)", (sent, token, allowed) => {
    expect(allowedCaching(sent, token)).toBe(allowed);
  });

  test("a style sheet's name does not make a personal answer public", async () => {
    answerWith = [["Cache-Control", "public, max-age=31536000, immutable"]];
    const answer = await sendRaw(gateway.port, appRequest(gateway, "GET /api/me/x.css"));
    answerWith = [];
    expect(answer.headers.get("cache-control")).toEqual(["private, no-cache"]);
  });
});

describe("Location", () => {
  const [row] = createUpstreams(parseUpstreams("/api=http://api.internal:8000/v1", undefined).upstreams, NO_LOG);
  const [root] = createUpstreams(parseUpstreams("/api/root=http://api.internal:8000", undefined).upstreams, NO_LOG);
  test.each([
    ["http://api.internal:8000/v1/items/", 307, "/api/items/"],
    ["/v1/items/7?x=1#y", 201, "/api/items/7?x=1#y"],
    ["7", 201, "/api/items/7"],
    ["../up", 302, "/api/up"],
    ["/v1", 302, "/api"],
    ["/v2/x", 302, undefined],
    ["/v10/x", 302, undefined],
    ["http://api.internal:8000/admin", 201, undefined],
    ["https://evil.test/", 302, undefined],
    ["//evil.test/", 302, undefined],
    ["/\\evil.test/", 302, undefined],
    ["\\\\evil.test", 302, undefined],
    ["\t//evil.test", 302, undefined],
    ["https://bucket.test/object", 201, "https://bucket.test/object"],
    ["javascript:alert(1)", 302, undefined],
    ["javascript:alert(1)", 201, undefined],
    ["http://[broken", 302, undefined],
  ] as const)("%s on %i becomes %s", (location, status, expected) => {
    expect(browserLocation(location, { upstream: row!, status, upstreamTarget: "/v1/items/" })).toBe(expected);
  });
  test("the root of an upstream is its prefix", () => {
    expect(browserLocation("/", { upstream: root!, status: 302, upstreamTarget: "/x" })).toBe("/api/root/");
    expect(
      browserLocation("http://api.internal:8000//evil.test/", { upstream: root!, status: 302, upstreamTarget: "/x" }),
    ).toBe("/api/root//evil.test/");
  });
});

describe("upstreams", () => {
  const upstreams = createUpstreams(
    parseUpstreams("/api=http://a.test,/api/b=http://b.test/base/,/api/b/c=http://c.test", undefined).upstreams,
    NO_LOG,
  );
  test.each([
    ["/api/x", "/api", "/x"],
    ["/api/b", "/api/b", "/base"],
    ["/api/b/", "/api/b", "/base/"],
    ["/api/b?q", "/api/b", "/base?q"],
    ["/api/bc", "/api", "/bc"],
    ["/api/b/c/d", "/api/b/c", "/d"],
    ["/api/b/c", "/api/b/c", "/"],
  ])("%s goes to the row %s as %s", (target, prefix, expected) => {
    const found = findUpstream(upstreams, target.split("?")[0]!);
    expect(found?.config.prefix).toBe(prefix);
    expect(upstreamTarget(found!, target)).toBe(expected);
  });
  test.each(["/", "/apix", "/API/x", "/api/B/x", "/api/b/C"])("%s goes nowhere", (path) => {
    expect(findUpstream(upstreams, path)).toBeUndefined();
  });
});
