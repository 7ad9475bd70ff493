// WebSockets and the session, the access token and the limits that allow them.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { until } from "@cloakroom/testkit/until.ts";
import { openSocket } from "@cloakroom/testkit/web-socket-client.ts";
import { GatewayError } from "../../src/errors.ts";
import type { EndReason } from "../../src/store/store.ts";
import { BEARER, startRawUpstream } from "./gateway.ts";
import { ACCEPT, fieldsOf, shakeHands, startUpstream, startWebSocketGateway, SWITCHING } from "./websockets.ts";

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
    const gateway = await startWebSocketGateway(upstream, { ...withSession, live });
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
    onTestFinished(upstream.stop);
    const gateway = await startWebSocketGateway(upstream, { ...withSession, live });
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
    const gateway = await startWebSocketGateway(upstream, { ...withSession, live });
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
    const gateway = await startWebSocketGateway(upstream, { ...withSession, live });
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
    const { socket, next } = await openSocket(await startWebSocketGateway(upstream, { authorize }), "/api/ws");
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
      await startWebSocketGateway(await startUpstream(), { authorize }),
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
    let isRejected = false;
    const authorize = async () => {
      if (isRejected) throw new GatewayError("invalid_token");
      return { accessToken: BEARER, client: { ...client, validUntilMs: Date.now() + lifeMs } };
    };
    const gateway = await startWebSocketGateway(await startUpstream(), { authorize, useEveryMs });
    const { closed } = await openSocket(gateway, "/api/ws");
    isRejected = true;
    expect(await closed).toEqual({ code: 4401, reason: "invalid_token" });
  });

  test("WebSockets are limited per session and per upstream", async () => {
    const override = { maxWebSockets: 3, maxWebSocketsPerSession: 2 };
    let sessionKey = "session-1";
    const authorize = async () => ({ accessToken: BEARER, sessionKey });
    const gateway = await startWebSocketGateway(await startUpstream(), { authorize, override });
    const first = await openSocket(gateway, "/api/ws");
    await openSocket(gateway, "/api/ws");
    const rejected = await shakeHands(gateway, fieldsOf(gateway));
    expect([rejected.status, JSON.parse(rejected.body)]).toMatchObject([429, { code: "too_many_connections" }]);
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
