// WebSocket proxy on real sockets: tunnel, closing, memory.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { testAuthority } from "@cloakroom/testkit/certificates.ts";
import { until } from "@cloakroom/testkit/until.ts";
import { openSocket } from "@cloakroom/testkit/web-socket-client.ts";
import { appRequest, BEARER, sendRaw, startRawUpstream } from "./gateway.ts";
import { fieldsOf, shakeHands, startUpstream, startWebSocketGateway } from "./websockets.ts";

describe("an open WebSocket", () => {
  test("text and binary messages are forwarded unchanged", async () => {
    const upstream = await startUpstream();
    const { socket, next } = await openSocket(await startWebSocketGateway(upstream), "/api/ws");
    socket.send("grüße");
    expect((await next()).toString()).toBe("grüße");
    socket.send(Buffer.from([0, 255, 128]));
    expect(await next()).toEqual(Buffer.from([0, 255, 128]));
  });

  test.each([false, true])("a message of 10 MB is forwarded, compressed: %s", async (perMessageDeflate) => {
    const upstream = await startUpstream(undefined, { perMessageDeflate });
    const { socket, next } = await openSocket(await startWebSocketGateway(upstream), "/api/ws", { perMessageDeflate });
    const message = Buffer.alloc(10_000_000, "0123456789abcdef-");
    socket.send(message);
    expect((await next()).equals(message)).toBe(true);
    expect(socket.extensions).toBe(perMessageDeflate ? "permessage-deflate" : "");
  });

  test("10,000 small messages arrive in order", async () => {
    const upstream = await startUpstream();
    const { socket, next } = await openSocket(await startWebSocketGateway(upstream), "/api/ws");
    for (let at = 0; at < 10_000; at++) socket.send(String(at));
    for (let at = 0; at < 10_000; at++) expect((await next()).toString()).toBe(String(at));
  });

  test("a message sent together with the upstream's 101 is forwarded", async () => {
    const upstream = await startUpstream((socket) => socket.send("welcome"));
    const { next } = await openSocket(await startWebSocketGateway(upstream), "/api/ws");
    expect((await next()).toString()).toBe("welcome");
  });

  test("the subprotocol that the upstream chose reaches the browser", async () => {
    const upstream = await startUpstream(undefined, { handleProtocols: (offered) => [...offered][1] ?? false });
    const gateway = await startWebSocketGateway(upstream);
    const { socket } = await openSocket(gateway, "/api/ws", { protocols: ["graphql-ws", "graphql-transport-ws"] });
    expect(socket.protocol).toBe("graphql-transport-ws");
  });

  test("pings and pongs pass both ways", async () => {
    const upstream = await startUpstream();
    const { socket } = await openSocket(await startWebSocketGateway(upstream), "/api/ws");
    socket.ping("from the browser");
    expect(String((await once(socket, "pong"))[0])).toBe("from the browser");
    upstream.sockets[0]!.ping("from the upstream");
    expect(String((await once(upstream.sockets[0]!, "pong"))[0])).toBe("from the upstream");
  });

  test("the upstream handshake has bearer, path and query, and no cookie and no Sec-Fetch headers", async () => {
    const upstream = await startUpstream();
    const gateway = await startWebSocketGateway(upstream);
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
      const gateway = await startWebSocketGateway(await startUpstream());
      const response = await shakeHands(gateway, fieldsOf(gateway, { Connection }));
      expect(response.status).toBe(101);
      expect(response.headers.get("sec-websocket-accept")).toEqual(["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]);
      expect([...response.headers.keys()].toSorted()).toEqual(
        ["connection", "date", "sec-websocket-accept", "upgrade", "x-request-id"].toSorted(),
      );
    },
  );
});

describe("closing a WebSocket", () => {
  test("close codes are forwarded in both directions", async () => {
    const upstream = await startUpstream();
    const gateway = await startWebSocketGateway(upstream);
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
    const { closed } = await openSocket(await startWebSocketGateway(upstream), "/api/ws");
    for (const connection of upstream.connections) connection.resetAndDestroy();
    expect(await closed).toEqual({ code: 1006, reason: "" });
  });

  test("an aborted browser connection closes the upstream's side", async () => {
    const upstream = await startUpstream();
    const gateway = await startWebSocketGateway(upstream);
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
    onTestFinished(upstream.stop);
    const gateway = await startWebSocketGateway(upstream);
    const browser = connect(gateway.port, "127.0.0.1", () =>
      browser.write(`GET /api/ws HTTP/1.1\r\n${fieldsOf(gateway).join("\r\n")}\r\n\r\n`),
    );
    await until("the upstream's connection was closed", () => isClosed);
    await until("a line says that it left", () => gateway.lines.some((line) => line["status"] === 499));
  });

  test("an idle connection is closed with 1001, a connection with pings is not", async () => {
    const override = { webSocketIdleTimeoutMs: 1_000 };
    const upstream = await startUpstream();
    const gateway = await startWebSocketGateway(upstream, { override });
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
    const gateway = await startWebSocketGateway(upstream, { override });
    const { closed } = await openSocket(gateway, "/api/ws");
    expect(await closed).toEqual({ code: 1001, reason: "open for too long" });
  });

  test("a drain closes WebSockets with 1001 and rejects new handshakes", async () => {
    const gateway = await startWebSocketGateway(await startUpstream());
    const { closed } = await openSocket(gateway, "/api/ws");
    await gateway.tunnels.closeAll();
    expect(await closed).toEqual({ code: 1001, reason: "the gateway is stopping" });
    expect((await shakeHands(gateway, fieldsOf(gateway))).status).toBe(503);
  });
});

describe("memory", () => {
  test("a slow reader pauses the upstream (backpressure) and does not grow the gateway's memory", async () => {
    const messages = 200;
    const upstream = await startUpstream((socket) => {
      for (let at = 0; at < messages; at++) socket.send(Buffer.alloc(1_000_000));
    });
    const gateway = await startWebSocketGateway(upstream);
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
    const gateway = await startWebSocketGateway(upstream, { override: { maxConnections: 1, maxQueued: 0 } });
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
    const gateway = await startWebSocketGateway(upstream, { override: { tls: { ca: authority.cert } } });
    const { socket, next, closed } = await openSocket(gateway, "/api/ws");
    socket.send("hello");
    expect((await next()).toString()).toBe("hello");
    socket.close(1000);
    expect((await closed).code).toBe(1000);
    const stranger = await startWebSocketGateway(upstream);
    expect((await shakeHands(stranger, fieldsOf(stranger))).status).toBe(502);
  });

  test("a handshake uses another server if one refuses connections", async () => {
    const upstream = await startUpstream();
    const gateway = await startWebSocketGateway(
      { origin: "http://127.0.0.1:1" },
      { override: { baseUrls: ["http://127.0.0.1:1", upstream.origin] } },
    );
    for (let at = 0; at < 4; at++) await openSocket(gateway, "/api/ws");
    expect(upstream.handshakes).toHaveLength(4);
  });
});
