// Request headers that are forwarded to an upstream: HTTP, WebSocket handshakes, rows without session.
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "@cloakroom/testkit/until.ts";
import { requestHeaderFilter } from "../../src/headers/request-header-rules.ts";
import { REJECTED, RESERVED } from "../../src/headers/request-header-tables.ts";
import { appRequest, BEARER, kept, sendRaw, startGateway, startUpstream } from "../proxy/gateway.ts";
import type { TestGateway, TestUpstream } from "../proxy/gateway.ts";
import { FORWARDED, NEVER_FORWARDED, spellingsOf } from "./header-families.ts";

const PER_REQUEST = 60;
const CANARY = "canary-of-the-browser";

let upstream: TestUpstream;
let gateway: TestGateway;
let open: TestGateway;

beforeAll(async () => {
  upstream = await startUpstream();
  upstream.server.on("upgrade", ({ method = "", url = "", headers, rawHeaders }, socket) => {
    upstream.arrived.push({ method, url, headers, rawHeaders, body: "" });
    socket.on("error", () => {}).end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  });
  gateway = await startGateway({ upstreams: `/api=${upstream.origin}` });
  open = await startGateway({
    upstreams: `/api=${upstream.origin}`,
    override: { token: "none" },
    authorize: () => ({ accessToken: undefined }),
  });
});
afterAll(async () => {
  await gateway.stop();
  await open.stop();
  upstream.stop();
});

const WEBSOCKET = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

type Way = { title: string; at: () => TestGateway; line: string; extra: (at: TestGateway) => string[] };
const WAYS: Way[] = [
  { title: "a GET", at: () => gateway, line: "GET /api/x", extra: () => [] },
  { title: "a POST", at: () => gateway, line: "POST /api/x", extra: () => ["Content-Length: 0"] },
  { title: "a GET of a row without a session", at: () => open, line: "GET /api/x", extra: () => [] },
  {
    title: "a WebSocket handshake",
    at: () => gateway,
    line: "GET /api/socket",
    extra: ({ port }) => [...WEBSOCKET, `Origin: http://127.0.0.1:${port}`],
  },
];

/** @returns the names whose value arrived under any name */
async function arrivedOf({ at, line, extra }: Way, names: readonly string[]): Promise<string[]> {
  const arrived: string[] = [];
  for (let from = 0; from < names.length; from += PER_REQUEST) {
    const batch = names.slice(from, from + PER_REQUEST);
    const before = upstream.arrived.length;
    const fields = batch.map((name) => `${name}: ${CANARY} ${name}.`);
    const { status } = await sendRaw(at().port, appRequest(at(), line, [...fields, ...extra(at())]));
    expect([status, upstream.arrived.length - before, batch]).toEqual([expect.any(Number), 1, batch]);
    const raw = upstream.arrived.at(-1)!.rawHeaders.join("\n");
    arrived.push(...batch.filter((name) => raw.includes(`${CANARY} ${name}.`)));
  }
  return arrived;
}

/** Rejected or consumed by Node or request validation; forwarded-headers.test.ts has one test of each kind. */
const READ_IN_FRONT = new Set(["te", "trailer", "keep-alive", "cookie", "authorization", "origin", "http2-settings"]);
const isSendable = (name: string) => !READ_IN_FRONT.has(name.toLowerCase());

describe.each(WAYS)("$title", (way) => {
  test.each(Object.entries(NEVER_FORWARDED))(
    "headers about %s are not forwarded, in any spelling",
    async (_about, names) => {
      const spelled = names.flatMap(spellingsOf).filter(isSendable);
      expect(await arrivedOf(way, spelled)).toEqual([]);
    },
  );

  test("headers of ordinary applications are forwarded", async () => {
    expect(await arrivedOf(way, FORWARDED)).toEqual(FORWARDED);
  });

  test("names with characters that CGI-like upstreams map to an underscore are not forwarded", async () => {
    const odd = [
      "X_Custom",
      "X.Custom",
      "X-Custom_Name",
      "X~Custom",
      "X!Custom",
      "$WSRU",
      "X+Custom",
      "__proto__",
      "X'Y",
    ];
    expect(await arrivedOf(way, odd)).toEqual([]);
  });
});

test("every entry of the tables rejects at least one header of the families", () => {
  const names = Object.values(NEVER_FORWARDED)
    .flat()
    .map((name) => name.toLowerCase());
  const untested = [RESERVED, REJECTED].flatMap((table) => [
    ...Object.keys(table.names).filter((name) => !names.includes(name)),
    ...Object.keys(table.prefixes).filter((prefix) => !names.some((name) => name.startsWith(prefix))),
    ...Object.keys(table.words).filter((word) => !names.some((name) => name.split("-").includes(word))),
    ...Object.keys(table.stems).filter(
      (stem) => !names.some((name) => name.split("-").some((w) => w.startsWith(stem))),
    ),
  ]);
  const ofTheConnection = [
    "connection",
    "transfer-encoding",
    "upgrade",
    "host",
    "content-length",
    "expect",
    "x-csrf",
    "x-session-handle",
  ];
  expect(untested.toSorted()).toEqual(ofTheConnection.toSorted());
});

test("a trailer of a chunked body is not forwarded, whatever its name", async () => {
  const body = "2\r\nhi\r\n0\r\nX-Forwarded-User: trailing\r\nAuthorization: trailing\r\nX-Own: trailing\r\n\r\n";
  const fields = ["Transfer-Encoding: chunked", "Trailer: X-Forwarded-User, X-Own"];
  const { status } = await sendRaw(gateway.port, appRequest(gateway, "POST /api/x", fields, body));
  const { body: arrived, rawHeaders } = upstream.arrived.at(-1)!;
  expect([status, arrived]).toEqual([200, "hi"]);
  expect(rawHeaders.join("\n")).not.toContain("trailing");
  expect(rawHeaders).toContain(`Bearer ${BEARER}`);
});

describe("a row's requestHeaders", () => {
  const arrivedAt = async (requestHeaders: string[], names: readonly string[]) => {
    const at = kept(
      await startGateway({
        upstreams: `/api=${upstream.origin}`,
        override: { requestHeaders: new Set(requestHeaders) },
      }),
    );
    const arrived = await arrivedOf({ ...WAYS[0]!, at: () => at }, names);
    return { arrived, lines: at.lines };
  };

  test("requestHeaders forwards the listed and the standard headers only", async () => {
    const names = [
      "X-Tenant",
      "X-User-Theme",
      "X_Legacy",
      "Accept-Language",
      "X-Other",
      "X-Tenant2",
      "X_Tenant",
      "X.User-Theme",
    ];
    const { arrived } = await arrivedAt(["x-tenant", "x-user-theme", "x_legacy"], names);
    expect(arrived).toEqual(["X-Tenant", "X-User-Theme", "X_Legacy", "Accept-Language"]);
  });

  test("an empty requestHeaders forwards standard headers only", async () => {
    const { arrived } = await arrivedAt([], ["If-None-Match", "X-Requested-With", "X-Tenant", "X-Name"]);
    expect(arrived).toEqual(["If-None-Match", "X-Requested-With"]);
  });

  test("requestHeaders does not forward reserved headers", async () => {
    const names = [
      "X-Forwarded-For",
      "X_Forwarded.User",
      "Forwarded",
      "Cookie2",
      "X-Request-Id",
      "Proxy",
      "Proxy-Authorization",
    ];
    const { arrived } = await arrivedAt(
      names.map((name) => name.toLowerCase()),
      names,
    );
    expect(arrived).toEqual([]);
  });

  test("each blocked header is logged once with requestHeaders, up to a limit", async () => {
    const many = Array.from({ length: 50 }, (_, at) => `X-Unknown-${at}`);
    const { lines } = await arrivedAt([], [...many, ...many, "Referer", "Sec-Fetch-Mode"]);
    const reported = lines.filter(({ msg }) => msg === "request header not forwarded");
    expect(reported).toHaveLength(20);
    expect(reported[0]).toMatchObject({ upstream: "/api" });
    expect(reported[0]!["reason"]).toMatch(/^x-unknown-0 is not forwarded.*requestHeaders$/);
  });
});

test("100,000 invented header names use bounded memory", () => {
  const crosses = requestHeaderFilter({});
  for (let at = 0; at < 100_000; at++) crosses(`x-${at}`);
  expect(crosses("x-1")).toBe(true);
  expect(crosses("x-forwarded-for")).toBe(false);
});

test("a WebSocket handshake keeps the gateway's own headers", async () => {
  const socket = connect(gateway.port, "127.0.0.1");
  const origin = `Origin: http://127.0.0.1:${gateway.port}`;
  const before = upstream.arrived.length;
  socket.write(appRequest(gateway, "GET /api/own", [...WEBSOCKET, origin, "X-Forwarded-For: 6.6.6.6"]));
  await until("the handshake arrives", () => upstream.arrived.length > before);
  socket.destroy();
  expect(upstream.arrived.at(-1)!.headers).toMatchObject({
    "x-forwarded-for": "127.0.0.1",
    authorization: `Bearer ${BEARER}`,
  });
});
