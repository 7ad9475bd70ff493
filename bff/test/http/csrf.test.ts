import type { IncomingMessage } from "node:http";
import { describe, expect, test } from "vitest";
import { parseUpstreamRows } from "../../src/config/upstreams.ts";
import { createRouteTable } from "../../src/http/route-table.ts";
import { csrfRule, inspectLogin, inspectOrigin } from "../../src/http/csrf.ts";
import { sendRaw, startGateway, startUpstream } from "../proxy/gateway.ts";

const ORIGIN = "https://app.test";
const asked = (headers: Record<string, string>, method = "GET") => ({ method, headers }) as unknown as IncomingMessage;

describe("the CSRF rule of a path", () => {
  const routes = createRouteTable([]);
  test.each([
    ["/api", "fetch"],
    ["/api/x?y", "fetch"],
    ["/API/x", "none"],
    ["/bff/user", "fetch"],
    ["/bff/user?x", "fetch"],
    ["/bff/sessions", "fetch"],
    ["/bff/whatever", "fetch"],
    ["/bff", "fetch"],
    ["/api-keys", "none"],
    ["/apis", "none"],
    ["/bff-settings?x=/bff/", "none"],
    ["/BFF/logout", "none"],
    ["/bff/logout/", "fetch"],
    ["/bff/login/", "fetch"],
    ["/Bff/Login", "none"],
    ["/bff/logout", "form"],
    ["/bff/logout?x", "form"],
    ["/bff/login?returnTo=/x", "none"],
    ["/bff/callback?code=x", "none"],
    ["/bff/backchannel-logout", "none"],
    ["/", "none"],
    ["/profile", "none"],
  ] as const)("the CSRF rule of the path %s is %s", (target, rule) => {
    expect(csrfRule(routes.find(target), target)).toBe(rule);
  });
});

describe("the truth table of the rule fetch", () => {
  const sites = [undefined, "same-origin", "same-site", "cross-site", "none", "same-origin, same-origin", ""] as const;
  const origins = [
    undefined,
    ORIGIN,
    "null",
    "https://app.test.evil",
    "https://sub.app.test",
    "http://app.test",
    "https://app.test:443",
    "HTTPS://APP.TEST",
  ] as const;
  const markers = [undefined, "1", "0", "", "1, 1", "true"] as const;
  const rows = sites.flatMap((site) =>
    origins.flatMap((origin) => markers.map((marker) => ({ site, origin, marker }))),
  );

  test.each(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])(
    "a %s fetch is accepted only same-origin with X-CSRF: 1",
    (method) => {
      for (const { site, origin, marker } of rows) {
        const headers: Record<string, string> = {};
        if (site !== undefined) headers["sec-fetch-site"] = site;
        if (origin !== undefined) headers["origin"] = origin;
        if (marker !== undefined) headers["x-csrf"] = marker;
        const isOwn =
          (site === "same-origin" && (origin === undefined || origin === ORIGIN)) ||
          (site === undefined && origin === ORIGIN);
        const verdict = inspectOrigin(asked(headers, method), "fetch", ORIGIN);
        expect([headers, verdict === "ok"]).toEqual([headers, isOwn && marker === "1"]);
        const isOpaque = site === "same-origin" && origin === "null";
        expect([headers, inspectOrigin(asked(headers, method), "form", ORIGIN) === "ok"]).toEqual([
          headers,
          isOwn || isOpaque,
        ]);
      }
    },
  );

  test.each([
    [{ accept: "text/event-stream", "sec-fetch-site": "same-origin" }, "GET", true],
    [{ accept: "text/event-stream", "sec-fetch-site": "same-origin" }, "POST", false],
    [{ accept: "text/event-stream", "sec-fetch-site": "same-site" }, "GET", false],
    [{ accept: "text/event-stream", "sec-fetch-site": "none" }, "GET", false],
    [{ accept: "text/event-stream", origin: ORIGIN }, "GET", false],
    [{ accept: "text/event-stream" }, "GET", false],
    [{ accept: "text/html, text/event-stream", "sec-fetch-site": "same-origin" }, "GET", false],
    [{ accept: "*/*", "sec-fetch-site": "same-origin" }, "GET", false],
  ] as const)("EventSource: %j by %s passes: %s", (headers, method, passes) => {
    expect(inspectOrigin(asked(headers, method), "fetch", ORIGIN) === "ok").toBe(passes);
  });
});

describe("requests that may start a login", () => {
  test.each([
    [{}, "ok"],
    [{ "sec-fetch-dest": "document", "sec-fetch-mode": "navigate", "sec-fetch-site": "cross-site" }, "ok"],
    [{ "sec-fetch-dest": "document", "sec-fetch-mode": "navigate", "sec-fetch-site": "none" }, "ok"],
    [{ "sec-fetch-dest": "iframe", "sec-fetch-mode": "navigate" }, "not a top-level navigation"],
    [{ "sec-fetch-dest": "image", "sec-fetch-mode": "no-cors" }, "not a top-level navigation"],
    [{ "sec-fetch-dest": "empty", "sec-fetch-mode": "cors" }, "not a top-level navigation"],
    [{ "sec-fetch-dest": "script" }, "not a top-level navigation"],
    [{ "sec-fetch-mode": "no-cors" }, "not a top-level navigation"],
    [{ "sec-fetch-dest": "document, document" }, "not a top-level navigation"],
    [{ "sec-purpose": "prefetch", "sec-fetch-dest": "document" }, "prefetch"],
    [{ "sec-purpose": "prefetch;prerender" }, "prefetch"],
    [{ purpose: "prefetch" }, "prefetch"],
    [{ "x-moz": "prefetch" }, "prefetch"],
  ])("a request that may start a login: %j is %s", (headers, verdict) => {
    expect(inspectLogin(asked(headers as Record<string, string>))).toBe(verdict);
  });
});

test("a forged request gets 403, is counted and logged as a security event, and does not reach the upstream", async () => {
  const upstream = await startUpstream();
  const gateway = await startGateway({ upstreams: `/api=${upstream.origin}` });
  const forged = [
    "POST /api/x HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nOrigin: https://evil.test\r\nSec-Fetch-Site: cross-site",
    "POST /api/x HTTP/1.1\r\nX-HTTP-Method-Override: GET\r\nContent-Length: 0\r\nSec-Fetch-Site: same-site\r\nX-CSRF: 1",
    "OPTIONS /api/x HTTP/1.1\r\nOrigin: https://evil.test\r\nAccess-Control-Request-Method: POST\r\nSec-Fetch-Site: cross-site",
    "GET /api/x HTTP/1.1\r\nSec-Fetch-Site: none\r\nX-CSRF: 1",
    "GET /api/x HTTP/1.1\r\nX-CSRF: 1",
    "GET /bff/user HTTP/1.1\r\nX-CSRF: 1",
    "POST /bff/logout HTTP/1.1\r\nOrigin: null\r\nContent-Length: 0",
  ];
  for (const head of forged) {
    const response = await sendRaw(
      gateway.port,
      `${head}\r\nHost: ${gateway.host}\r\n\r\n${head.includes("Length: 2") ? "xx" : ""}`,
    );
    expect([head, response.status]).toEqual([head, 403]);
    expect(JSON.parse(response.body)).toMatchObject({ code: "csrf_rejected" });
    expect([...response.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  }
  expect(upstream.arrived).toEqual([]);
  expect(gateway.events("csrf_rejected")).toHaveLength(forged.length);
  expect(await gateway.metrics.scrape()).toContain(
    `cloakroom_csrf_rejections_total{application="shop"} ${forged.length}`,
  );
  await gateway.stop();
  upstream.stop();
});

describe("the CSRF rules of upstream rows", () => {
  const NAVIGATION = { "sec-fetch-mode": "navigate", "sec-fetch-dest": "document", accept: "text/html" };
  const COOKIE = { cookie: `__Host-Http-session=${"a".repeat(43)}` };
  const row = (csrf: string) =>
    createRouteTable(
      parseUpstreamRows(
        [{ prefix: "/x", baseUrl: "http://x.test", access: csrf === "none" ? "public" : "optional", csrf }],
        "UPSTREAMS_FILE",
      ).upstreams,
    ).find("/x");

  test.each([
    // Images, downloads and media of an API in a page of ours.
    ["fetch-metadata", "GET", { "sec-fetch-site": "same-origin" }, true],
    ["fetch-metadata", "HEAD", { "sec-fetch-site": "same-origin" }, true],
    ["fetch-metadata", "GET", { ...NAVIGATION, "sec-fetch-site": "same-origin" }, true],
    ["fetch-metadata", "GET", { "sec-fetch-site": "cross-site" }, false],
    ["fetch-metadata", "GET", { "sec-fetch-site": "same-site" }, false],
    ["fetch-metadata", "GET", { "sec-fetch-site": "none", ...NAVIGATION }, false],
    ["fetch-metadata", "GET", {}, false],
    ["fetch-metadata", "GET", { origin: ORIGIN }, false],
    ["fetch-metadata", "GET", { "sec-fetch-site": "same-origin", origin: "https://evil.test" }, false],
    ["fetch-metadata", "POST", { "sec-fetch-site": "same-origin", origin: ORIGIN }, false],
    ["fetch-metadata", "DELETE", { "sec-fetch-site": "same-origin", "x-csrf": "1" }, true],
    ["fetch-metadata", "POST", { "sec-fetch-site": "cross-site", "x-csrf": "1" }, false],
    // Server-rendered pages.
    ["same-origin", "GET", { ...NAVIGATION, "sec-fetch-site": "cross-site" }, true],
    ["same-origin", "GET", { ...NAVIGATION, "sec-fetch-site": "none" }, true],
    ["same-origin", "HEAD", { ...NAVIGATION, "sec-fetch-site": "cross-site" }, true],
    ["same-origin", "GET", { ...NAVIGATION, "sec-fetch-dest": "iframe", "sec-fetch-site": "cross-site" }, false],
    ["same-origin", "POST", { ...NAVIGATION, "sec-fetch-site": "same-origin" }, true],
    ["same-origin", "POST", { ...NAVIGATION, origin: ORIGIN }, true],
    ["same-origin", "POST", { ...NAVIGATION, "sec-fetch-site": "cross-site" }, false],
    ["same-origin", "POST", { ...NAVIGATION, "sec-fetch-site": "same-site" }, false],
    ["same-origin", "POST", { ...NAVIGATION, origin: "null" }, false],
    ["same-origin", "POST", { ...NAVIGATION, origin: "null", "sec-fetch-site": "cross-site" }, false],
    // The app's pages have `Referrer-Policy: no-referrer`.
    ["same-origin", "POST", { ...NAVIGATION, origin: "null", "sec-fetch-site": "same-origin" }, true],
    ["header", "POST", { origin: "null", "sec-fetch-site": "same-origin", "x-csrf": "1" }, false],
    ["same-origin", "POST", NAVIGATION, false],
    ["same-origin", "PUT", { "sec-fetch-site": "same-origin" }, true],
    ["same-origin", "GET", { "sec-fetch-site": "same-origin" }, true],
    ["same-origin", "GET", { "sec-fetch-site": "cross-site" }, false],
    ["same-origin", "GET", { origin: "https://evil.test" }, false],
    // Crawlers and link previews.
    ["same-origin", "GET", {}, true],
    ["same-origin", "GET", COOKIE, false],
    ["same-origin", "POST", {}, false],
    ["none", "POST", { "sec-fetch-site": "cross-site", origin: "https://evil.test" }, true],
    ["none", "POST", {}, true],
    ["header", "GET", { "sec-fetch-site": "same-origin" }, false],
    ["header", "GET", { ...NAVIGATION, "sec-fetch-site": "same-origin" }, false],
  ] as const)("a row with csrf %s and a %s request with %j: accepted is %s", (csrf, method, headers, isAccepted) => {
    const rule = csrfRule(row(csrf), "/x");
    expect(inspectOrigin(asked({ ...headers }, method), rule, ORIGIN) === "ok").toBe(isAccepted);
  });
});
