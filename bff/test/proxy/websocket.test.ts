// WebSocket proxy on real sockets: handshake, tunnel, closing.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { until } from "@cloakroom/testkit/until.ts";
import { GatewayError } from "../../src/errors.ts";
import type { EndReason } from "../../src/store/store.ts";
import { testAuthority } from "@cloakroom/testkit/certificates.ts";
import { openSocket, startSocketUpstream, type SocketUpstream } from "@cloakroom/testkit/web-socket-client.ts";
import {
  appRequest,
  BEARER,
  parseResponse,
  sendRaw,
  startGateway as startFront,
  startRawUpstream,
  type GatewayOptions,
  type RawResponse,
  type TestGateway,
} from "./gateway.ts";

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function startGateway(upstream: { origin: string }, options: GatewayOptions = {}): Promise<TestGateway> {
  const gateway = await startFront({ upstreams: `/api=${upstream.origin}`, ...options });
  stops.push(gateway.stop);
  return gateway;
}

async function startUpstream(...options: Parameters<typeof startSocketUpstream>): Promise<SocketUpstream> {
  const upstream = await startSocketUpstream(...options);
  stops.push(upstream.stop);
  return upstream;
}

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const SWITCHING = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
const ACCEPT = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

/** Sends a raw handshake. Reads until the gateway closes the connection, or a 101 and the bytes after it. */
function shakeHands(gateway: TestGateway, fields: string[], { line = "GET /api/ws HTTP/1.1", after = "" } = {}) {
  return new Promise<RawResponse>((resolve) => {
    const socket = connect(gateway.port, "127.0.0.1", () => {
      socket.write(`${line}\r\n${fields.join("\r\n")}\r\n\r\n${after}`, "latin1");
    });
    let raw = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      raw += chunk;
      if (raw.startsWith("HTTP/1.1 101") && raw.includes("\r\n\r\n")) socket.destroy();
    });
    socket.on("error", () => {}).on("close", () => resolve(parseResponse(raw)));
  });
}

const fieldsOf = (gateway: TestGateway, replaced: Record<string, string | undefined> = {}): string[] => {
  const fields: Record<string, string | undefined> = {
    Host: gateway.host,
    Origin: `http://${gateway.host}`,
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
    ...replaced,
  };
  return Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
};

describe("an open WebSocket", () => {
  test("text and binary messages are forwarded unchanged", async () => {
    const upstream = await startUpstream();
    const { socket, next } = await openSocket(await startGateway(upstream), "/api/ws");
    socket.send("grüße");
    expect((await next()).toString()).toBe("grüße");
    socket.send(Buffer.from([0, 255, 128]));
    expect(await next()).toEqual(Buffer.from([0, 255, 128]));
  });

  test.each([false, true])("a message of 10 MB is forwarded, compressed: %s", async (perMessageDeflate) => {
    const upstream = await startUpstream(undefined, { perMessageDeflate });
    const { socket, next } = await openSocket(await startGateway(upstream), "/api/ws", { perMessageDeflate });
    const message = Buffer.alloc(10_000_000, "0123456789abcdef-");
    socket.send(message);
    expect((await next()).equals(message)).toBe(true);
    expect(socket.extensions).toBe(perMessageDeflate ? "permessage-deflate" : "");
  });

  test("10,000 small messages arrive in order", async () => {
    const upstream = await startUpstream();
    const { socket, next } = await openSocket(await startGateway(upstream), "/api/ws");
    for (let at = 0; at < 10_000; at++) socket.send(String(at));
    for (let at = 0; at < 10_000; at++) expect((await next()).toString()).toBe(String(at));
  });

  test("a message sent together with the upstream's 101 is forwarded", async () => {
    const upstream = await startUpstream((socket) => socket.send("welcome"));
    const { next } = await openSocket(await startGateway(upstream), "/api/ws");
    expect((await next()).toString()).toBe("welcome");
  });

  test("the subprotocol that the upstream chose reaches the browser", async () => {
    const upstream = await startUpstream(undefined, { handleProtocols: (offered) => [...offered][1] ?? false });
    const gateway = await startGateway(upstream);
    const { socket } = await openSocket(gateway, "/api/ws", { protocols: ["graphql-ws", "graphql-transport-ws"] });
    expect(socket.protocol).toBe("graphql-transport-ws");
  });

  test("pings and pongs pass both ways", async () => {
    const upstream = await startUpstream();
    const { socket } = await openSocket(await startGateway(upstream), "/api/ws");
    socket.ping("from the browser");
    expect(String((await once(socket, "pong"))[0])).toBe("from the browser");
    upstream.sockets[0]!.ping("from the upstream");
    expect(String((await once(upstream.sockets[0]!, "pong"))[0])).toBe("from the upstream");
  });

  test("the upstream handshake has bearer, path and query, and no cookie and no Sec-Fetch headers", async () => {
    const upstream = await startUpstream();
    const gateway = await startGateway(upstream);
    const headers = {
      Cookie: "__Host-Http-session=secret",
      Authorization: "Bearer of-the-browser",
      "X-Forwarded-For": "6.6.6.6",
      "Sec-Fetch-Site": "same-origin",
      "X-Custom": "kept",
    };
    await openSocket(gateway, "/api/ws?room=1", { headers });
    const { url, headers: arrived } = upstream.handshakes[0]!;
    expect(url).toBe("/ws?room=1");
    expect(arrived).toMatchObject({
      authorization: `Bearer ${BEARER}`,
      host: new URL(upstream.origin).host,
      connection: "upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "x-custom": "kept",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-prefix": "/api",
    });
    for (const name of ["cookie", "origin", "sec-fetch-site"]) expect(arrived).not.toHaveProperty(name);
    expect(JSON.stringify(arrived)).not.toContain("secret");
  });

  test.each(["keep-alive, Upgrade", "upgrade", "Keep-Alive,UPGRADE , x"])(
    "a handshake with Connection: %s is accepted",
    async (Connection) => {
      const gateway = await startGateway(await startUpstream());
      const response = await shakeHands(gateway, fieldsOf(gateway, { Connection }));
      expect(response.status).toBe(101);
      expect(response.headers.get("sec-websocket-accept")).toEqual(["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]);
      expect([...response.headers.keys()].toSorted()).toEqual(
        ["connection", "date", "sec-websocket-accept", "upgrade", "x-request-id"].toSorted(),
      );
    },
  );
});

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
    const gateway = await startGateway(upstream);
    const after = "Content-Length" in replaced ? "hello" : "Transfer-Encoding" in replaced ? "0\r\n\r\n" : "";
    const refusal = await errorFor(gateway, fieldsOf(gateway, replaced), { after });
    expect(refusal).toMatchObject({ status, code });
    expect(refusal.headers.get("sec-websocket-version")).toEqual(status === 426 ? ["13"] : undefined);
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
    const gateway = await startGateway(upstream);
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
    const gateway = await startGateway(upstream);
    expect((await errorFor(gateway, fieldsOf(gateway), { line })).status).toBe(status);
    expect(upstream.handshakes).toEqual([]);
  });

  test("Upgrade without Connection: Upgrade is rejected as an ordinary request", async () => {
    const gateway = await startGateway(await startUpstream());
    const fields = fieldsOf(gateway, { Connection: "close", "X-CSRF": "1", "Sec-Fetch-Site": "same-origin" });
    expect((await errorFor(gateway, fields)).status).toBe(400);
  });

  test("a row without webSocket rejects handshakes without an upstream request", async () => {
    const upstream = await startUpstream();
    const gateway = await startGateway(upstream, { override: { webSocket: false } });
    expect(await errorFor(gateway, fieldsOf(gateway))).toMatchObject({ status: 400, code: "request_malformed" });
    expect(upstream.handshakes).toEqual([]);
  });

  test.each(["session_missing", "session_revoked", "forbidden", "store_unavailable", "provider_unavailable"] as const)(
    "a WebSocket handshake that fails with %s gets the same response as any other request",
    async (code) => {
      const upstream = await startUpstream();
      const authorize = () => Promise.reject(new GatewayError(code));
      const gateway = await startGateway(upstream, { authorize });
      const refusal = await errorFor(gateway, fieldsOf(gateway));
      expect(refusal).toMatchObject({ code, status: new GatewayError(code).status });
      expect(refusal.headers.has("retry-after")).toBe(refusal.status === 503);
      expect(refusal.headers.has("www-authenticate")).toBe(refusal.status === 401);
      expect(upstream.handshakes).toEqual([]);
    },
  );

  test("an unreachable upstream gets 502, one that does not respond gets 504", async () => {
    const unreachable = await startGateway({ origin: "http://127.0.0.1:1" });
    expect(await errorFor(unreachable, fieldsOf(unreachable))).toMatchObject({
      status: 502,
      code: "upstream_unreachable",
    });
    const silent = await startRawUpstream(() => {});
    stops.push(silent.stop);
    const gateway = await startGateway(silent, { override: { headersTimeoutMs: 50 } });
    expect(await errorFor(gateway, fieldsOf(gateway))).toMatchObject({ status: 504, code: "upstream_timeout" });
  });

  test.each([400, 401, 403, 404, 426, 500])(
    "an upstream's response %s to a handshake is forwarded",
    async (rejectWith) => {
      const upstream = await startUpstream(undefined, { rejectWith });
      const gateway = await startGateway(upstream);
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
    stops.push(upstream.stop);
    const gateway = await startGateway(upstream);
    expect(await errorFor(gateway, fieldsOf(gateway))).toMatchObject({ status: 502, code: "upstream_unreachable" });
    await until("the upstream's connection was closed", () => isClosed);
  });
});

describe("smuggling", () => {
  const second = "GET /admin HTTP/1.1\r\nHost: x\r\n\r\n";

  test("bytes after the handshake head are rejected and not forwarded (CVE-2026-73548)", async () => {
    const upstream = await startUpstream();
    const gateway = await startGateway(upstream);
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
    stops.push(upstream.stop);
    const gateway = await startGateway(upstream);
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
    const gateway = await startGateway(upstream, { authorize: () => new Promise(() => {}) });
    const first = `GET /api/slow HTTP/1.1\r\nHost: ${gateway.host}\r\nX-CSRF: 1\r\nSec-Fetch-Site: same-origin\r\n\r\n`;
    const response = await shakeHands(gateway, fieldsOf(gateway), { line: `${first}GET /api/ws HTTP/1.1` });
    expect(response.raw).toBe("");
    expect(gateway.events("request_rejected")).toHaveLength(1);
    expect(upstream.handshakes).toEqual([]);
  });

  test("a handshake is accepted on a connection that served a request before", async () => {
    const gateway = await startGateway(await startUpstream());
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

describe("closing a WebSocket", () => {
  test("close codes are forwarded in both directions", async () => {
    const upstream = await startUpstream();
    const gateway = await startGateway(upstream);
    const first = await openSocket(gateway, "/api/ws");
    const upstreamClosed = once(upstream.sockets[0]!, "close");
    first.socket.close(4321, "enough");
    const [code, reason] = (await upstreamClosed) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([4321, "enough"]);
    expect(await first.closed).toEqual({ code: 4321, reason: "enough" });

    const second = await openSocket(gateway, "/api/ws");
    upstream.sockets[1]!.close(4100, "no more");
    expect(await second.closed).toEqual({ code: 4100, reason: "no more" });

    const lines = () => gateway.lines.filter((line) => line["status"] === 101);
    await until("two lines in the log", () => lines().length === 2);
    expect(lines().map((line) => line["endedBy"])).toEqual(["browser", "upstream"]);
    expect(await gateway.metrics.scrape()).toMatch(/cloakroom_websockets_open\{application="shop"\} 0\n/);
  });

  test("an aborted upstream connection closes the browser's side without a close code", async () => {
    const upstream = await startUpstream();
    const { closed } = await openSocket(await startGateway(upstream), "/api/ws");
    for (const connection of upstream.connections) connection.resetAndDestroy();
    expect(await closed).toEqual({ code: 1006, reason: "" });
  });

  test("an aborted browser connection closes the upstream's side", async () => {
    const upstream = await startUpstream();
    const gateway = await startGateway(upstream);
    const { socket } = await openSocket(gateway, "/api/ws");
    const closed = once(upstream.sockets[0]!, "close");
    socket.terminate();
    expect(((await closed) as [number])[0]).toBe(1006);
    await until("nothing is left of it", () => gateway.tunnels.count() === 0);
  });

  test("a browser that disconnects during the handshake releases its quota and the upstream connection", async () => {
    let isClosed = false;
    const upstream = await startRawUpstream((socket) => {
      socket.on("close", () => (isClosed = true));
      browser.end();
    });
    stops.push(upstream.stop);
    const gateway = await startGateway(upstream);
    const browser = connect(gateway.port, "127.0.0.1", () =>
      browser.write(`GET /api/ws HTTP/1.1\r\n${fieldsOf(gateway).join("\r\n")}\r\n\r\n`),
    );
    await until("the upstream's connection was closed", () => isClosed);
    await until("a line says that it left", () => gateway.lines.some((line) => line["status"] === 499));
  });

  test("an idle connection is closed with 1001, a connection with pings is not", async () => {
    const override = { webSocketIdleTimeoutMs: 1_000 };
    const upstream = await startUpstream();
    const gateway = await startGateway(upstream, { override });
    const quiet = await openSocket(gateway, "/api/ws");
    const beating = await openSocket(gateway, "/api/ws");
    const beat = setInterval(() => beating.socket.ping(), 50);
    expect(await quiet.closed).toEqual({ code: 1001, reason: "silent for too long" });
    expect(beating.socket.readyState).toBe(beating.socket.OPEN);
    clearInterval(beat);
  });

  test("a busy connection is closed after webSocketMaxLifetimeMs", async () => {
    const override = { webSocketIdleTimeoutMs: 0, webSocketMaxLifetimeMs: 300 };
    const upstream = await startUpstream((socket) => void setInterval(() => socket.send("tick"), 10).unref());
    const gateway = await startGateway(upstream, { override });
    const { closed } = await openSocket(gateway, "/api/ws");
    expect(await closed).toEqual({ code: 1001, reason: "open for too long" });
  });

  test("a drain closes WebSockets with 1001 and rejects new handshakes", async () => {
    const gateway = await startGateway(await startUpstream());
    const { closed } = await openSocket(gateway, "/api/ws");
    await gateway.tunnels.closeAll();
    expect(await closed).toEqual({ code: 1001, reason: "the gateway is stopping" });
    expect((await shakeHands(gateway, fieldsOf(gateway))).status).toBe(503);
  });
});

describe("a session's WebSockets", () => {
  const withSession = { authorize: async () => ({ accessToken: BEARER, sessionKey: "session-1" }) };

  function manualEnd() {
    const ends = new Set<(reason: EndReason) => void>();
    return {
      ends,
      live: {
        add(_key: string, onEnd: (reason: EndReason) => void) {
          ends.add(onEnd);
          return () => void ends.delete(onEnd);
        },
      },
    };
  }

  test("WebSockets are closed with 4401 and the error code of the session's end", async () => {
    const { ends, live } = manualEnd();
    const upstream = await startUpstream();
    const gateway = await startGateway(upstream, { ...withSession, live });
    const { closed } = await openSocket(gateway, "/api/ws");
    const upstreamClosed = once(upstream.sockets[0]!, "close");
    for (const end of ends) end("logout");
    expect(await closed).toEqual({ code: 4401, reason: "session_revoked" });
    await upstreamClosed;
    await until("all subscriptions have been removed", () => ends.size === 0);
    const line = gateway.lines.find(({ status }) => status === 101);
    expect(line).toMatchObject({ path: "/api/ws", upstream: "/api", endedBy: "session", receivedBytes: 0 });
  });

  /** The raw browser side of a connection whose upstream has sent half a frame. */
  async function inMidFrame() {
    const { ends, live } = manualEnd();
    const found: { inside?: Socket } = {};
    const upstream = await startRawUpstream((socket) => {
      found.inside = socket;
      socket.write(`${SWITCHING}${ACCEPT}\r\n\x82\x04ab`, "latin1");
    });
    stops.push(upstream.stop);
    const gateway = await startGateway(upstream, { ...withSession, live });
    let bytes = "";
    const browser = connect(gateway.port, "127.0.0.1", () => {
      browser.write(`GET /api/ws HTTP/1.1\r\n${fieldsOf(gateway).join("\r\n")}\r\n\r\n`);
    });
    browser.setEncoding("latin1").on("data", (chunk: string) => (bytes += chunk));
    const closed = once(browser, "close");
    const received = () => bytes.split("\r\n\r\n")[1];
    await until("half a frame has arrived", () => received() === "\x82\x04ab");
    for (const end of ends) end("logout");
    return { inside: found.inside!, received, closed };
  }

  test("a partly forwarded frame is completed before the Close frame, and later frames are dropped", async () => {
    const { inside, received, closed } = await inMidFrame();
    inside.write("cd\x82\x06secret", "latin1");
    await closed;
    expect(received()).toBe(`\x82\x04abcd\x88\x11${String.fromCharCode(0x11, 0x31)}session_revoked`);
  });

  test("an incomplete frame is aborted after the frame timeout and does not look complete", async () => {
    const { received, closed } = await inMidFrame();
    await closed;
    expect(received()).toBe("\x82\x04ab");
  });

  test("a stalled browser is disconnected after the close timeout", async () => {
    const { ends, live } = manualEnd();
    const upstream = await startUpstream((socket) => socket.send(Buffer.alloc(50_000_000)));
    const gateway = await startGateway(upstream, { ...withSession, live });
    const { socket } = await openSocket(gateway, "/api/ws");
    socket.pause();
    for (const end of ends) end("logout");
    await until("it is closed", () => gateway.tunnels.count() === 0);
  });

  test("a handshake is rejected if the session ends before the upstream's 101", async () => {
    const { ends, live } = manualEnd();
    const upstream = await startUpstream(undefined, {
      verifyClient: (_info, decide) => {
        for (const end of ends) end("provider_logout");
        decide(true);
      },
    });
    const gateway = await startGateway(upstream, { ...withSession, live });
    const response = await shakeHands(gateway, fieldsOf(gateway));
    expect(response.status).toBe(401);
    expect(JSON.parse(response.body)).toMatchObject({ code: "session_revoked" });
    await until("the upstream's side is closed", () => upstream.connections.size === 0);
  });

  test("messages of the browser slide the session; pongs and messages of the upstream do not", async () => {
    let uses = 0;
    const authorize = async () => {
      uses++;
      return { accessToken: BEARER, sessionKey: "session-1" };
    };
    const upstream = await startUpstream();
    const { socket, next } = await openSocket(await startGateway(upstream, { authorize }), "/api/ws");
    expect(uses).toBe(1);
    const inside = upstream.sockets[0]!;
    inside.send("news");
    await next();
    inside.ping();
    await once(inside, "pong");
    expect(uses).toBe(1);
    socket.send("a message");
    await next();
    expect(uses).toBe(2);
  });

  test("a WebSocket is closed if its authorization is rejected, and stays open during an outage and at a limit", async () => {
    let fault: GatewayError | undefined;
    const authorize = async () => {
      if (fault !== undefined) throw fault;
      return { accessToken: BEARER, sessionKey: "session-1" };
    };
    const { socket, next, closed } = await openSocket(
      await startGateway(await startUpstream(), { authorize }),
      "/api/ws",
    );
    fault = new GatewayError("store_unavailable");
    socket.send("one");
    await next();
    socket.send("two");
    await next();
    fault = new GatewayError("too_many_requests");
    socket.send("three");
    await next();
    socket.send("four");
    await next();
    fault = new GatewayError("session_expired");
    socket.send("five");
    expect(await closed).toEqual({ code: 4401, reason: "session_expired" });
  });

  test.each([
    ["has been revoked", { useEveryMs: 20, lifeMs: Infinity }],
    ["has expired, before the next periodic check", { useEveryMs: 3_600_000, lifeMs: 50 }],
  ])("a WebSocket on which a client only listens is closed after its access token %s", async (_when, times) => {
    const { useEveryMs, lifeMs } = times;
    const client = { scheme: "Bearer" as const, proof: undefined, holder: "client-1" };
    let isRefused = false;
    const authorize = async () => {
      if (isRefused) throw new GatewayError("invalid_token");
      return { accessToken: BEARER, client: { ...client, validUntilMs: Date.now() + lifeMs } };
    };
    const gateway = await startGateway(await startUpstream(), { authorize, useEveryMs });
    const { closed } = await openSocket(gateway, "/api/ws");
    isRefused = true;
    expect(await closed).toEqual({ code: 4401, reason: "invalid_token" });
  });

  test("WebSockets are limited per session and per upstream", async () => {
    const override = { maxWebSockets: 3, maxWebSocketsPerSession: 2 };
    let sessionKey = "session-1";
    const authorize = async () => ({ accessToken: BEARER, sessionKey });
    const gateway = await startGateway(await startUpstream(), { authorize, override });
    const first = await openSocket(gateway, "/api/ws");
    await openSocket(gateway, "/api/ws");
    const refused = await shakeHands(gateway, fieldsOf(gateway));
    expect([refused.status, JSON.parse(refused.body)]).toMatchObject([429, { code: "too_many_connections" }]);
    sessionKey = "session-2";
    await openSocket(gateway, "/api/ws");
    expect((await shakeHands(gateway, fieldsOf(gateway))).status).toBe(503);
    first.socket.close();
    await first.closed;
    await until("its quota is released", () => gateway.tunnels.count() === 2);
    sessionKey = "session-1";
    await openSocket(gateway, "/api/ws");
  });
});

describe("memory", () => {
  test("a slow reader pauses the upstream (backpressure) and does not grow the gateway's memory", async () => {
    const messages = 200;
    const upstream = await startUpstream((socket) => {
      for (let at = 0; at < messages; at++) socket.send(Buffer.alloc(1_000_000));
    });
    const gateway = await startGateway(upstream);
    const [[inside], { socket }] = await Promise.all([
      once(gateway.server, "connection") as Promise<[Socket]>,
      openSocket(gateway, "/api/ws", { perMessageDeflate: false }),
    ]);
    let received = 0;
    let heldBytes = 0;
    socket.on("message", () => {
      received++;
      heldBytes = Math.max(heldBytes, inside.writableLength + inside.readableLength);
      socket.pause();
      setTimeout(() => socket.resume(), 2);
    });
    await until("all of it arrives", () => received === messages, { timeoutMs: 15_000 });
    expect(heldBytes).toBeGreaterThan(0);
    expect(heldBytes).toBeLessThan(1_000_000);
  });
});

describe("WebSockets and other keys of a row", () => {
  test("maxConnections counts requests, not open WebSockets", async () => {
    const upstream = await startUpstream();
    const gateway = await startGateway(upstream, { override: { maxConnections: 1, maxQueued: 0 } });
    const opened = [];
    for (let at = 0; at < 3; at++) opened.push(await openSocket(gateway, "/api/ws"));
    for (const { socket, next } of opened) {
      socket.send("still there");
      expect((await next()).toString()).toBe("still there");
    }
    expect(gateway.upstreams[0]!.servers[0]!.inFlight).toBe(0);
    expect((await sendRaw(gateway.port, appRequest(gateway, "GET /api/x"))).status).toBe(426);
  });

  test("WebSockets work with an upstream over TLS and its configured CA", async () => {
    const authority = testAuthority();
    const upstream = await startUpstream(undefined, { tls: authority.issue("localhost") });
    const gateway = await startGateway(upstream, { override: { tls: { ca: authority.cert } } });
    const { socket, next, closed } = await openSocket(gateway, "/api/ws");
    socket.send("hello");
    expect((await next()).toString()).toBe("hello");
    socket.close(1000);
    expect((await closed).code).toBe(1000);
    const stranger = await startGateway(upstream);
    expect((await shakeHands(stranger, fieldsOf(stranger))).status).toBe(502);
  });

  test("a handshake uses another server if one refuses connections", async () => {
    const upstream = await startUpstream();
    const gateway = await startGateway(
      { origin: "http://127.0.0.1:1" },
      { override: { baseUrls: ["http://127.0.0.1:1", upstream.origin] } },
    );
    for (let at = 0; at < 4; at++) await openSocket(gateway, "/api/ws");
    expect(upstream.handshakes).toHaveLength(4);
  });
});
