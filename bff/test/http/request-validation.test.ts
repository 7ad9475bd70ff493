import { connect } from "node:net";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  BEARER,
  parseResponse,
  sendRaw,
  startGateway,
  startUpstream,
  type TestGateway,
  type TestUpstream,
} from "../proxy/gateway.ts";

let upstream: TestUpstream;
let gateway: TestGateway;
let own: string;

beforeAll(async () => {
  upstream = await startUpstream();
  gateway = await startGateway({ upstreams: `/api=${upstream.origin}/base` });
  own = `Host: ${gateway.host}\r\nX-CSRF: 1\r\nSec-Fetch-Site: same-origin\r\n`;
});
afterAll(async () => {
  await gateway.stop();
  upstream.stop();
});

/** Expects that the request did not reach the upstream and was logged as a security event. */
async function expectRejected(bytes: string, status: number, event = "request_rejected"): Promise<void> {
  const before = { arrived: upstream.arrived.length, events: gateway.events(event).length };
  const response = await sendRaw(gateway.port, bytes);
  expect([response.status, response.raw.slice(0, 40)]).toEqual([status, expect.any(String)]);
  expect(JSON.parse(response.body || "{}")).toMatchObject(bytes.startsWith("HEAD") ? {} : { status });
  expect(response.raw).not.toContain(BEARER);
  expect(upstream.arrived.length).toBe(before.arrived);
  expect(gateway.events(event).length).toBe(before.events + 1);
  expect(gateway.events(event).at(-1)?.["reason"]).toEqual(expect.any(String));
}

describe("requests that Node's parser accepts and request validation rejects", () => {
  const rows: [name: string, bytes: () => string, status: number][] = [
    ["two Hosts", () => `GET /api/me HTTP/1.1\r\n${own}Host: evil.test\r\n\r\n`, 400],
    ["two Hosts, the public host last", () => `GET /api/me HTTP/1.1\r\nhost: evil.test\r\n${own}\r\n`, 400],
    ["HTTP/1.1 without Host", () => `GET /api/me HTTP/1.1\r\n\r\n`, 400],
    ["an empty Host", () => `GET /api/me HTTP/1.1\r\nHost:\r\n\r\n`, 421],
    [
      "a Host with credentials (CVE-2026-27959)",
      () => `GET /api/me HTTP/1.1\r\nHost: evil.test:x@${gateway.host}\r\n\r\n`,
      421,
    ],
    [
      "a Host with a path (CVE-2026-48710)",
      () => `GET /api/me HTTP/1.1\r\nHost: ${gateway.host}/abc?bar=\r\n\r\n`,
      421,
    ],
    ["a foreign Host", () => `GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n`, 421],
    ["a Host with the public host as suffix", () => `GET / HTTP/1.1\r\nHost: evil${gateway.host}\r\n\r\n`, 421],
    ["a Host with the public host as prefix", () => `GET / HTTP/1.1\r\nHost: ${gateway.host}.evil.test\r\n\r\n`, 421],
    ["HTTP/1.0 without Host", () => `GET /api/me HTTP/1.0\r\n\r\n`, 505],
    ["HTTP/1.0 with Host", () => `GET /api/me HTTP/1.0\r\n${own}\r\n`, 505],
    ["absolute-form", () => `GET http://evil.test/api/me HTTP/1.1\r\n${own}\r\n`, 400],
    ["absolute-form with the public host", () => `GET http://${gateway.host}/api/me HTTP/1.1\r\n${own}\r\n`, 400],
    ["// as authority (CVE-2026-26205)", () => `GET //evil.test/api/me HTTP/1.1\r\n${own}\r\n`, 400],
    ["/\\ as authority", () => `GET /\\evil.test/api/me HTTP/1.1\r\n${own}\r\n`, 400],
    ["// inside /api (CVE-2026-26205)", () => `GET /api//admin/x HTTP/1.1\r\n${own}\r\n`, 400],
    ["a fragment", () => `GET /api/x#y HTTP/1.1\r\n${own}\r\n`, 400],
    ["an asterisk", () => `OPTIONS * HTTP/1.1\r\n${own}\r\n`, 400],
    ["plain dot segments", () => `GET /api/../admin HTTP/1.1\r\n${own}\r\n`, 400],
    ["escaped dot segments (CVE-2026-55602)", () => `GET /api/%2e%2e/admin HTTP/1.1\r\n${own}\r\n`, 400],
    ["doubly escaped dot segments", () => `GET /api/%252e%252e/admin HTTP/1.1\r\n${own}\r\n`, 400],
    ["a path parameter (CVE-2026-73511)", () => `GET /api/..;/admin HTTP/1.1\r\n${own}\r\n`, 400],
    ["a backslash in the path", () => `GET /api\\..\\admin HTTP/1.1\r\n${own}\r\n`, 400],
    ["TRACE", () => `TRACE /api/me HTTP/1.1\r\n${own}\r\n`, 405],
    ["PROPFIND", () => `PROPFIND /api/me HTTP/1.1\r\n${own}\r\n`, 405],
    ["QUERY", () => `QUERY /api/me HTTP/1.1\r\n${own}\r\n`, 405],
    [
      "an Expect that is more than 100-continue",
      () => `POST /api/x HTTP/1.1\r\n${own}Expect: y 100-continue\r\nContent-Length: 1\r\n\r\nx`,
      417,
    ],
    ["an unknown Expect", () => `POST /api/x HTTP/1.1\r\n${own}Expect: a-miracle\r\nContent-Length: 1\r\n\r\nx`, 417],
    ["GET with a body", () => `GET /api/me HTTP/1.1\r\n${own}Content-Length: 5\r\n\r\nhello`, 400],
    ["HEAD with a body", () => `HEAD /bff/user HTTP/1.1\r\n${own}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    [
      "a generic Upgrade with a body (CVE-2026-73548)",
      () => `POST /api/x HTTP/1.1\r\n${own}Connection: upgrade\r\nUpgrade: foo\r\nContent-Length: 3\r\n\r\nabc`,
      400,
    ],
    [
      "a WebSocket of an unknown version",
      () => `GET /api/ws HTTP/1.1\r\n${own}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
      426,
    ],
    ["CONNECT", () => `CONNECT evil.test:443 HTTP/1.1\r\n${own}\r\n`, 405],
    ["101 header fields", () => `GET /api/me HTTP/1.1\r\n${own}${"A: b\r\n".repeat(98)}\r\n`, 431],
    ["1500 header fields", () => `GET /api/me HTTP/1.1\r\n${own}${"A: b\r\n".repeat(1_500)}\r\n`, 431],
    ["a target of 9 kB", () => `GET /api/${"a".repeat(9_000)} HTTP/1.1\r\n${own}\r\n`, 414],
  ];
  test.each(rows)("request validation rejects what Node's parser accepts: %s", async (_name, bytes, status) => {
    await expectRejected(bytes(), status);
  });

  test("a duplicate session cookie is rejected (cookie tossing)", async () => {
    const cookie = "__Host-Http-session=evil; a=b; __Host-Http-session=real";
    await expectRejected(`GET /api/me HTTP/1.1\r\n${own}Cookie: ${cookie}\r\n\r\n`, 400, "cookie_rejected");
    const twoLines = "Cookie: __Host-Http-session=evil\r\nCookie: __Host-Http-session=real\r\n";
    await expectRejected(`GET /api/me HTTP/1.1\r\n${own}${twoLines}\r\n`, 400, "cookie_rejected");
  });

  test("a foreign cookie whose value contains the session cookie's name is accepted", async () => {
    const cookie = "a=__Host-Http-session=; __Host-Http-session=real; x__Host-Http-session=1";
    expect((await sendRaw(gateway.port, `GET /api/me HTTP/1.1\r\n${own}Cookie: ${cookie}\r\n\r\n`)).status).toBe(200);
  });

  test("HTTP/0.9 does not reach the upstream", async () => {
    const before = upstream.arrived.length;
    const response = await sendRaw(gateway.port, "GET /api/me\r\n\r\n");
    expect([400, 505]).toContain(response.status);
    expect(upstream.arrived.length).toBe(before);
  });
});

describe("requests that Node's parser rejects get a problem with security headers", () => {
  test.each([
    [
      "length and chunks",
      "POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      400,
    ],
    ["xchunked", "POST /api/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400],
    [
      "chunked, identity",
      "POST /api/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
      400,
    ],
    [
      "a space before the colon",
      "POST /api/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
      400,
    ],
    [
      "two Content-Length headers",
      "POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
      400,
    ],
    ["a signed length", "POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx", 400],
    ["a bare LF", "GET /api/x HTTP/1.1\nHost: a\n\n", 400],
    ["NUL in a header", "GET /api/x HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400],
    ["a folded header", "GET /api/x HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400],
    ["an unknown method", "FOO /api/x HTTP/1.1\r\nHost: a\r\n\r\n", 400],
    ["HTTP/1.2", "GET /api/x HTTP/1.2\r\nHost: a\r\n\r\n", 400],
    ["a tab in the target", "GET /api/\tx HTTP/1.1\r\nHost: a\r\n\r\n", 400],
    ["TLS on the wrong port", "\u0016\u0003\u0001\u0002\u0000\u0001", 400],
    ["20 kB of header", `GET /api/x HTTP/1.1\r\nHost: a\r\nX: ${"a".repeat(20_000)}\r\n\r\n`, 431],
  ])("a request that Node's parser rejects gets a problem with security headers: %s", async (_name, bytes, status) => {
    const before = upstream.arrived.length;
    const response = await sendRaw(gateway.port, bytes);
    expect(response.status).toBe(status);
    expect(upstream.arrived.length).toBe(before);
    expect(response.headers.get("x-content-type-options")).toEqual(["nosniff"]);
    expect(response.headers.get("content-security-policy")?.[0]).toContain("frame-ancestors 'none'");
    expect(response.headers.get("connection")).toEqual(["close"]);
    if (response.headers.get("content-type")?.[0]?.startsWith("application/problem+json") === true)
      expect(JSON.parse(response.body)).toMatchObject({ code: "request_malformed", status });
  });

  test("invalid bytes behind a response in progress do not write a second head into its body", async () => {
    let endResponse = () => {};
    const slow = await startUpstream((_request, response) => {
      response.writeHead(200, { "Content-Length": "10" }).write("first");
      endResponse = () => void response.end("after");
    });
    const gate = await startGateway({ upstreams: `/api=${slow.origin}` });
    const socket = connect(gate.port, "127.0.0.1").setEncoding("latin1");
    let raw = "";
    socket.on("data", (chunk: string) => (raw += chunk));
    socket.write(`GET /api/x HTTP/1.1\r\nHost: ${gate.host}\r\nX-CSRF: 1\r\nSec-Fetch-Site: same-origin\r\n\r\n`);
    while (!raw.includes("first")) await once(socket, "data");
    socket.write("\0garbage\r\n\r\n");
    await once(socket, "close");
    endResponse();
    expect(raw.match(/HTTP\/1\.1/g)).toHaveLength(1);
    await gate.stop();
    slow.stop();
  });
});

describe("the host of the public origin", () => {
  test("a navigation by another loopback name is redirected to the public origin with path and query", async () => {
    const response = await sendRaw(
      gateway.port,
      `GET /deep/page?a=b HTTP/1.1\r\nHost: localhost:${gateway.port}\r\nAccept: text/html\r\n\r\n`,
    );
    expect(response.status).toBe(307);
    expect(response.headers.get("location")).toEqual([`http://${gateway.host}/deep/page?a=b`]);
    expect(response.headers.get("content-security-policy")).toBeDefined();
  });

  test.each(["//evil.test/", "/\\evil.test/", "http://evil.test/"])(
    "the redirect to the public origin is no open redirect for %s",
    async (target) => {
      const response = await sendRaw(
        gateway.port,
        `GET ${target} HTTP/1.1\r\nHost: localhost:${gateway.port}\r\nAccept: text/html\r\n\r\n`,
      );
      expect(response.status).toBe(400);
      expect(response.headers.has("location")).toBe(false);
    },
  );

  test.each([
    ["a fetch", `GET /bff/user HTTP/1.1\r\nHost: localhost:1\r\nAccept: */*\r\nSec-Fetch-Dest: empty\r\n\r\n`],
    ["a POST", `POST /bff/logout HTTP/1.1\r\nHost: localhost:1\r\nAccept: text/html\r\n\r\n`],
    ["a page under /api", `GET /api/x HTTP/1.1\r\nHost: localhost:1\r\nAccept: text/html\r\n\r\n`],
  ])("a request (%s) with another loopback name gets 421", async (_name, bytes) => {
    expect((await sendRaw(gateway.port, bytes)).status).toBe(421);
  });

  test("a public origin that is not loopback sends no redirect", async () => {
    const remote = await startGateway({ publicOrigin: "https://app.test" });
    const response = await sendRaw(
      remote.port,
      `GET / HTTP/1.1\r\nHost: localhost:${remote.port}\r\nAccept: text/html\r\n\r\n`,
    );
    expect(response.status).toBe(421);
    await remote.stop();
  });

  test("back-channel logout accepts any Host and an h2c offer", async () => {
    const bytes =
      "POST /bff/backchannel-logout HTTP/1.1\r\nHost: gateway.internal:3000\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: 0\r\n\r\n";
    expect((await sendRaw(gateway.port, bytes)).status).toBe(404);
  });
});

test("responses to pipelined requests keep their order", async () => {
  const bytes = `GET /api/1 HTTP/1.1\r\n${own}\r\nGET /api/../x HTTP/1.1\r\n${own}\r\nGET /api/3 HTTP/1.1\r\n${own}Connection: close\r\n\r\n`;
  const socket = connect(gateway.port, "127.0.0.1").setEncoding("latin1");
  let raw = "";
  socket.on("data", (chunk: string) => (raw += chunk));
  socket.write(bytes);
  await once(socket, "close");
  const statuses = [...raw.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1]);
  expect(statuses).toEqual(["200", "400", "200"]);
  expect(parseResponse(raw).status).toBe(200);
});
