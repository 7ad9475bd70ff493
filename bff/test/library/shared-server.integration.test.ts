// A server that a gateway shares: with a second gateway, and with servers for WebSockets of the host. One of them responds to
// each request and event.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import express from "express";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import { startHostileProvider, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { createGateway, type Gateway } from "../../src/library.ts";
import { startUpstream, type TestUpstream } from "../proxy/gateway.ts";
import { testConfiguration } from "./hosts.ts";

let provider: HostileProvider;
let upstream: TestUpstream;
let upstreamSockets: WebSocketServer;
beforeAll(async () => {
  provider = await startHostileProvider();
  upstream = await startUpstream();
  upstreamSockets = new WebSocketServer({ server: upstream.server });
  upstreamSockets.on("connection", (socket) => socket.send("of the upstream"));
});
afterAll(async () => {
  upstreamSockets.close();
  await provider.stop();
  upstream.stop();
});

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function gatewayOf(origin: string): Promise<Gateway> {
  const upstreams = [
    { prefix: "/api", baseUrl: upstream.origin },
    { prefix: "/ws", baseUrl: upstream.origin, webSocket: true, access: "optional" as const },
  ];
  const gateway = await createGateway({ config: testConfiguration(origin, provider, { upstreams }) });
  cleanups.push(() => gateway.close());
  return gateway;
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
}

/** @returns the first message, or the status of a rejection */
async function openWebSocket(origin: string, path: string): Promise<string> {
  const { host, port } = new URL(origin);
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers: { host, origin } });
  const outcome = await new Promise<string>((resolve) => {
    socket.on("message", (data) => resolve((data as Buffer).toString()));
    socket.on("unexpected-response", (_request, response) => resolve(String(response.statusCode)));
    socket.on("error", ({ message }) => resolve(message));
  });
  socket.on("error", () => undefined).terminate();
  return outcome;
}

/** Sends bytes of one connection, which the server closes. @returns the status lines that it has sent */
async function statusesOf(port: number, lines: readonly string[]): Promise<string[]> {
  const socket = connect(port, "127.0.0.1", () => socket.write(`${lines.join("\r\n")}\r\n\r\n`));
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
  await once(socket, "close");
  return text.match(/^HTTP\/1\.1 \d+/gm) ?? [];
}

describe("two gateways in one server", () => {
  const BY_HOST = "the host selects one by Host";
  const IN_TURN = "each one passes on what is the other's";
  const SERVERS: Readonly<Record<string, (one: Gateway, other: Gateway, otherHost: string) => Server>> = {
    [BY_HOST](one, other, otherHost) {
      const server = createServer((request, response) => {
        const gateway = request.headers.host === otherHost ? other : one;
        if (!gateway.handler(request, response)) response.end("page");
      });
      one.attach(server);
      other.attach(server);
      return server;
    },
    [IN_TURN](one, other) {
      const app = express().use(other.handler, (_request, response) => void response.end("page"));
      const server = one.createServer(app);
      other.attach(server);
      return server;
    },
  };

  it.each(Object.entries(SERVERS))("serve a host each, with all events, until their own end: %s", async (_, serve) => {
    const port = await freePort();
    const origins = [`http://localhost:${port}`, `http://127.0.0.1:${port}`] as const;
    const [one, other] = [await gatewayOf(origins[0]), await gatewayOf(origins[1])];
    await listen(serve(one, other, new URL(origins[1]).host), port);
    const [first, second] = origins.map((origin) => testBrowser(origin)) as [
      ReturnType<typeof testBrowser>,
      ReturnType<typeof testBrowser>,
    ];
    for (const [at, browser] of [first, second].entries()) {
      expect(await (await browser.navigate("/")).text()).toBe("page");
      expect((await browser.login()).headers.get("location")).toBe(`${origins[at]}/`);
      expect((await browser.fetch("/api/x", { method: "POST", body: "{}" })).status).toBe(200);
      expect(await openWebSocket(origins[at] ?? "", "/ws/x")).toBe("of the upstream");
    }
    expect(await statusesOf(port, ["GARBAGE"])).toEqual(["HTTP/1.1 400"]);
    expect(await statusesOf(port, ["CONNECT a:1 HTTP/1.1", "Host: a:1"])).toEqual(["HTTP/1.1 405"]);
    // The gateway responds at once, the host's page after 100 Continue.
    const asked = (line: string, expectation: string) =>
      statusesOf(port, [
        ...[`${line} HTTP/1.1`, `Host: localhost:${port}`, "Connection: close", `Expect: ${expectation}`],
        ...["Content-Length: 2", "", "{}"],
      ]);
    expect(await asked("POST /page", "100-continue")).toEqual(["HTTP/1.1 100", "HTTP/1.1 200"]);
    expect(await asked("POST /api/x", "100-continue")).toEqual(["HTTP/1.1 403"]);
    expect(await asked("POST /api/x", "200-ok")).toEqual(["HTTP/1.1 417"]);

    await one.close();
    expect(await openWebSocket(origins[1], "/ws/x")).toBe("of the upstream");
    expect((await second.fetch("/api/x")).status).toBe(200);
    expect((await first.fetch("/api/x")).status).toBe(503);
    expect(await statusesOf(port, ["GARBAGE"])).toEqual(["HTTP/1.1 400"]);
  });
});

describe("a WebSocket of a gateway does not reach a server for WebSockets of the host", () => {
  it.each<[title: string, options: { path?: string }]>([
    ["that accepts each one", {}],
    ["that responds 400 outside of its path", { path: "/live" }],
  ])("%s", async (_title, options) => {
    const port = await freePort();
    const origin = `http://localhost:${port}`;
    const gateway = await gatewayOf(origin);
    const server = gateway.createServer();
    const sockets = new WebSocketServer({ server, ...options });
    const seen: (string | undefined)[] = [];
    sockets.on("connection", (socket, { url }) => {
      seen.push(url);
      socket.send("of the host");
    });
    await listen(server, port);
    expect(await openWebSocket(origin, "/ws/x")).toBe("of the upstream");
    expect(await openWebSocket(origin, "/live")).toBe("of the host");
    expect(seen).toEqual(["/live"]);
    await gateway.close();
    expect(await openWebSocket(origin, "/live")).toBe("of the host");
  });
});
