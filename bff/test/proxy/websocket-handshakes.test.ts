// Handshakes of WebSockets that are rejected, and bytes around a handshake that must not reach an upstream (smuggling).
import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { until } from "@cloakroom/testkit/until.ts";
import { GatewayError } from "../../src/errors.ts";
import { startRawUpstream, type TestGateway } from "./gateway.ts";
import { ACCEPT, fieldsOf, KEY, shakeHands, startUpstream, startWebSocketGateway, SWITCHING } from "./websockets.ts";

describe("a rejected handshake", () => {
  async function errorFor(gateway: TestGateway, fields: string[], more?: { line?: string; after?: string }) {
    const response = await shakeHands(gateway, fields, more);
    expect(response.closed).toBe(true);
    expect(response.headers.get("content-type")).toEqual(["application/problem+json; charset=utf-8"]);
    expect(response.headers.get("x-content-type-options")).toEqual(["nosniff"]);
    expect(response.headers.get("connection")).toEqual(["close"]);
    const { code, requestId, status } = JSON.parse(response.body) as Record<string, unknown>;
    expect(status).toBe(response.status);
    const isLine = (line: Record<string, unknown>) => line["msg"] === "request" && line["requestId"] === requestId;
    await until("the rejection's line in the log", () => gateway.lines.some(isLine));
    expect(gateway.lines.find(isLine)).toMatchObject({ status, code });
    return { status: response.status, code, headers: response.headers };
  }

  const rows: [string, Record<string, string | undefined>, number, string][] = [
    ["a foreign Origin", { Origin: "https://evil.test" }, 403, "csrf_rejected"],
    ["an Origin with the public origin as prefix", { Origin: "http://127.0.0.1:1.evil.test" }, 403, "csrf_rejected"],
    ["no Origin", { Origin: undefined }, 403, "csrf_rejected"],
    ["Origin: null", { Origin: "null" }, 403, "csrf_rejected"],
    [
      "no Origin but same-origin metadata",
      { Origin: undefined, "Sec-Fetch-Site": "same-origin" },
      403,
      "csrf_rejected",
    ],
    ["Sec-Fetch-Site: cross-site", { "Sec-Fetch-Site": "cross-site" }, 403, "csrf_rejected"],
    ["Sec-Fetch-Site: same-site", { "Sec-Fetch-Site": "same-site" }, 403, "csrf_rejected"],
    ["another Host", { Host: "evil.test" }, 421, "request_malformed"],
    ["version 8", { "Sec-WebSocket-Version": "8" }, 426, "request_malformed"],
    ["no version", { "Sec-WebSocket-Version": undefined }, 426, "request_malformed"],
    ["no key", { "Sec-WebSocket-Key": undefined }, 400, "request_malformed"],
    ["a key that is too short", { "Sec-WebSocket-Key": "c2hvcnQ=" }, 400, "request_malformed"],
    ["two Upgrades in one", { Upgrade: "websocket, h2c", Connection: "close, Upgrade" }, 400, "request_malformed"],
    ["another Upgrade", { Upgrade: "h2c", Connection: "close, Upgrade" }, 400, "request_malformed"],
    ["an announced body", { "Content-Length": "5" }, 400, "request_malformed"],
    ["an announced body in chunks", { "Transfer-Encoding": "chunked" }, 400, "request_malformed"],
    ["the session cookie twice", { Cookie: "__Host-Http-session=a; __Host-Http-session=b" }, 400, "request_malformed"],
  ];
  test.each(rows)("a WebSocket handshake is rejected: %s", async (_name, replaced, status, code) => {
    const upstream = await startUpstream();
    const gateway = await startWebSocketGateway(upstream);
    const after = "Content-Length" in replaced ? "hello" : "Transfer-Encoding" in replaced ? "0\r\n\r\n" : "";
    const rejection = await errorFor(gateway, fieldsOf(gateway, replaced), { after });
    expect(rejection).toMatchObject({ status, code });
    expect(rejection.headers.get("sec-websocket-version")).toEqual(status === 426 ? ["13"] : undefined);
    expect(upstream.handshakes.length + upstream.connections.size).toBe(0);
  });

  test.each([
    ["Origin", "http://127.0.0.1"],
    ["Sec-WebSocket-Key", KEY],
    ["Sec-WebSocket-Version", "13"],
    ["Upgrade", "websocket"],
    ["Host", "evil.test"],
  ])("a WebSocket handshake with %s twice is rejected", async (name, value) => {
    const upstream = await startUpstream();
    const gateway = await startWebSocketGateway(upstream);
    const { status } = await errorFor(gateway, [
      ...fieldsOf(gateway, { Connection: "close, Upgrade" }),
      `${name}: ${value}`,
    ]);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(upstream.handshakes).toEqual([]);
  });

  test.each([
    ["POST", "POST /api/ws HTTP/1.1", 400],
    ["HTTP/1.0", "GET /api/ws HTTP/1.0", 505],
    ["a path outside /api", "GET /ws HTTP/1.1", 400],
    ["a path below /bff", "GET /bff/user HTTP/1.1", 400],
    ["the path that accepts any Host", "POST /bff/backchannel-logout HTTP/1.1", 400],
    ["a dot segment", "GET /api/../ws HTTP/1.1", 400],
    ["an absolute target", "GET http://evil.test/api/ws HTTP/1.1", 400],
  ])("a WebSocket handshake is rejected: %s", async (_name, line, status) => {
    const upstream = await startUpstream();
    const gateway = await startWebSocketGateway(upstream);
    expect((await errorFor(gateway, fieldsOf(gateway), { line })).status).toBe(status);
    expect(upstream.handshakes).toEqual([]);
  });

  test("Upgrade without Connection: Upgrade is rejected as an ordinary request", async () => {
    const gateway = await startWebSocketGateway(await startUpstream());
    const fields = fieldsOf(gateway, { Connection: "close", "X-CSRF": "1", "Sec-Fetch-Site": "same-origin" });
    expect((await errorFor(gateway, fields)).status).toBe(400);
  });

  test("a row without webSocket rejects handshakes without an upstream request", async () => {
    const upstream = await startUpstream();
    const gateway = await startWebSocketGateway(upstream, { override: { webSocket: false } });
    expect(await errorFor(gateway, fieldsOf(gateway))).toMatchObject({ status: 400, code: "request_malformed" });
    expect(upstream.handshakes).toEqual([]);
  });

  test.each(["session_missing", "session_revoked", "forbidden", "store_unavailable", "provider_unavailable"] as const)(
    "a WebSocket handshake that fails with %s gets the same response as any other request",
    async (code) => {
      const upstream = await startUpstream();
      const authorize = () => Promise.reject(new GatewayError(code));
      const gateway = await startWebSocketGateway(upstream, { authorize });
      const rejection = await errorFor(gateway, fieldsOf(gateway));
      expect(rejection).toMatchObject({ code, status: new GatewayError(code).status });
      expect(rejection.headers.has("retry-after")).toBe(rejection.status === 503);
      expect(rejection.headers.has("www-authenticate")).toBe(rejection.status === 401);
      expect(upstream.handshakes).toEqual([]);
    },
  );

  test("an unreachable upstream gets 502, one that does not respond gets 504", async () => {
    const unreachable = await startWebSocketGateway({ origin: "http://127.0.0.1:1" });
    expect(await errorFor(unreachable, fieldsOf(unreachable))).toMatchObject({
      status: 502,
      code: "upstream_unreachable",
    });
    const silent = await startRawUpstream(() => {});
    onTestFinished(silent.stop);
    const gateway = await startWebSocketGateway(silent, { override: { headersTimeoutMs: 50 } });
    expect(await errorFor(gateway, fieldsOf(gateway))).toMatchObject({ status: 504, code: "upstream_timeout" });
  });

  test.each([400, 401, 403, 404, 426, 500])(
    "an upstream's response %s to a handshake is forwarded",
    async (rejectWith) => {
      const upstream = await startUpstream(undefined, { rejectWith });
      const gateway = await startWebSocketGateway(upstream);
      const response = await shakeHands(gateway, fieldsOf(gateway));
      expect(response.status).toBe(rejectWith);
      expect(JSON.parse(response.body)).toEqual({ rejected: rejectWith });
      expect(response.headers.has("set-cookie")).toBe(false);
      expect(response.headers.get("x-content-type-options")).toEqual(["nosniff"]);
      expect(response.closed).toBe(true);
    },
  );

  test.each([
    ["no Sec-WebSocket-Accept", `${SWITCHING}\r\n`],
    [
      "the Sec-WebSocket-Accept of another key",
      `${SWITCHING}Sec-WebSocket-Accept: c3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n`,
    ],
    ["a subprotocol that was not offered", `${SWITCHING}${ACCEPT}Sec-WebSocket-Protocol: evil\r\n\r\n`],
    ["several subprotocols", `${SWITCHING}${ACCEPT}Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n\r\n`],
    ["an extension that was not offered", `${SWITCHING}${ACCEPT}Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n`],
  ])("a 101 with %s opens nothing", async (_name, response) => {
    let isClosed = false;
    const upstream = await startRawUpstream((socket) => {
      socket.on("close", () => (isClosed = true));
      socket.write(`${response}secret bytes`);
    });
    onTestFinished(upstream.stop);
    const gateway = await startWebSocketGateway(upstream);
    expect(await errorFor(gateway, fieldsOf(gateway))).toMatchObject({ status: 502, code: "upstream_unreachable" });
    await until("the upstream's connection was closed", () => isClosed);
  });
});

describe("smuggling", () => {
  const second = "GET /admin HTTP/1.1\r\nHost: x\r\n\r\n";

  test("bytes after the handshake head are rejected and not forwarded (CVE-2026-73548)", async () => {
    const upstream = await startUpstream();
    const gateway = await startWebSocketGateway(upstream);
    const response = await shakeHands(gateway, fieldsOf(gateway), { after: second });
    expect(response.status).toBe(400);
    expect(response.raw.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(upstream.handshakes).toEqual([]);
  });

  test("bytes sent before the upstream's 101 are not forwarded", async () => {
    let received = "";
    let isClosed = false;
    const upstream = await startRawUpstream((socket, head) => {
      received += head;
      socket.on("data", (chunk) => (received += chunk.toString("latin1")));
      socket.on("close", () => (isClosed = true));
      early.write(second);
    });
    onTestFinished(upstream.stop);
    const gateway = await startWebSocketGateway(upstream);
    const early = connect(gateway.port, "127.0.0.1", () =>
      early.write(`GET /api/ws HTTP/1.1\r\n${fieldsOf(gateway).join("\r\n")}\r\n\r\n`),
    );
    early.on("error", () => {});
    await once(early, "close");
    await until("the upstream's connection was closed", () => isClosed);
    expect(received).not.toContain("/admin");
    expect(gateway.events("request_rejected")).toHaveLength(1);
  });

  test("a handshake pipelined behind an open response closes the connection", async () => {
    const upstream = await startUpstream();
    const gateway = await startWebSocketGateway(upstream, { authorize: () => new Promise(() => {}) });
    const first = `GET /api/slow HTTP/1.1\r\nHost: ${gateway.host}\r\nX-CSRF: 1\r\nSec-Fetch-Site: same-origin\r\n\r\n`;
    const response = await shakeHands(gateway, fieldsOf(gateway), { line: `${first}GET /api/ws HTTP/1.1` });
    expect(response.raw).toBe("");
    expect(gateway.events("request_rejected")).toHaveLength(1);
    expect(upstream.handshakes).toEqual([]);
  });

  test("a handshake is accepted on a connection that served a request before", async () => {
    const gateway = await startWebSocketGateway(await startUpstream());
    const socket = connect(gateway.port, "127.0.0.1");
    let raw = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => (raw += chunk));
    socket.write(`GET /nowhere HTTP/1.1\r\nHost: ${gateway.host}\r\n\r\n`);
    await until("the first response", () => raw.includes("404"));
    raw = "";
    socket.write(`GET /api/ws HTTP/1.1\r\n${fieldsOf(gateway).join("\r\n")}\r\n\r\n`);
    await until("the second response", () => raw.startsWith("HTTP/1.1 101"));
    socket.destroy();
  });
});
