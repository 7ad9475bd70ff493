// Connection pool of an HTTP/1.1 upstream: opens, reuses, queues and removes connections.
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { PassThrough } from "node:stream";
import { buildConnector, type Dispatcher } from "undici";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ConnectionPool } from "../../src/upstream/connection-pool.ts";

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? "", "http://upstream.test");
  if (pathname === "/held") return void held.push(response);
  if (pathname === "/close") response.setHeader("Connection", "close");
  if (pathname === "/break") return void request.socket.destroy();
  request.resume().on("end", () => response.end("{}"));
});
const held: ServerResponse[] = [];
const sockets = new Set<Socket>();
let accepted = 0;
server.on("connection", (socket: Socket) => {
  accepted++;
  sockets.add(socket);
  socket.on("close", () => sockets.delete(socket)).on("error", () => undefined);
});

let pool: ConnectionPool;
beforeEach(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  accepted = 0;
  pool = openPool();
});
afterEach(async () => {
  await pool.destroy();
  server.closeAllConnections();
  server.close();
  held.length = 0;
});

function openPool(maxConnections = Infinity): ConnectionPool {
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const connect = buildConnector({ allowH2: false });
  return new ConnectionPool(origin, { pipelining: 1, allowH2: false, connect, maxConnections });
}

/** @returns the status once the response has ended. Undici's errors reject. */
function send(path: string, options: Partial<Dispatcher.DispatchOptions> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    let status = 0;
    pool.dispatch(
      { path, method: "GET", ...options },
      {
        onRequestStart: () => undefined,
        onResponseStart: (_controller, code) => void (status = code),
        onResponseData: () => undefined,
        onResponseEnd: () => resolve(status),
        onResponseError: (_controller, error) => reject(error),
      },
    );
  });
}

/** Starts uploads that stall after their first bytes. */
function stallUploads(count: number): Promise<unknown>[] {
  return Array.from({ length: count }, () => {
    const body = new PassThrough();
    body.write("x");
    return send("/held", { method: "POST", body }).catch((error: unknown) => error);
  });
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 20));

it("the pool reuses one connection for consecutive requests beside busy connections", async () => {
  const stalled = stallUploads(50);
  await expect.poll(() => held.length).toBe(50);
  for (let request = 0; request < 20; request++) {
    expect(await send("/")).toBe(200);
    // undici hands a connection back one turn of the event loop after its response.
    await pause();
  }
  expect(accepted).toBe(51);
  await pool.destroy();
  await Promise.all(stalled);
});

it("the pool removes connections that the upstream closes, idle or busy", async () => {
  const stalled = stallUploads(30);
  await expect.poll(() => held.length).toBe(30);
  await Promise.all(Array.from({ length: 10 }, () => send("/")));
  expect(pool.stats).toEqual({ connected: 40, open: 40 });
  for (const socket of sockets) socket.destroy();
  await Promise.all(stalled);
  await expect.poll(() => pool.stats).toEqual({ connected: 0, open: 0 });
  expect(await send("/")).toBe(200);
  expect(pool.stats).toEqual({ connected: 1, open: 1 });
});

it.each([
  ["a response that closes its connection", "/close", {}, 200],
  ["a connection that breaks instead of a response", "/break", {}, "UND_ERR_SOCKET"],
  ["a request that undici rejects", "/", { headers: ["bad name", "x"] }, "UND_ERR_INVALID_ARG"],
] as const)("serves the next request after %s, also at its limit", async (_what, path, options, expected) => {
  pool = openPool(1);
  for (let attempt = 0; attempt < 3; attempt++) {
    const outcome = await send(path, { ...options, headers: "headers" in options ? [...options.headers] : [] }).catch(
      (error: { code: string }) => error.code,
    );
    expect(outcome).toBe(expected);
    expect(await send("/")).toBe(200);
  }
});

it("the pool opens at most maxConnections and sends queued requests in FIFO order", async () => {
  pool = openPool(2);
  const done: string[] = [];
  const sent = ["/held?1", "/held?2", "/?3", "/?4", "/close?5", "/?6"].map((path) =>
    send(path).then(() => done.push(path)),
  );
  await expect.poll(() => held.length).toBe(2);
  expect(accepted).toBe(2);
  held[0]?.end();
  await expect.poll(() => done).toEqual(["/held?1", "/?3", "/?4", "/close?5", "/?6"]);
  held[1]?.end();
  await Promise.all(sent);
  // A new connection replaced the closed one.
  expect(accepted).toBe(3);
});

it("a queued request is sent after another connection attempt failed", async () => {
  pool = openPool(1);
  server.close();
  server.closeAllConnections();
  const outcomes = await Promise.all([1, 2, 3].map(() => send("/").catch((error: { code: string }) => error.code)));
  expect(outcomes).toEqual(["ECONNREFUSED", "ECONNREFUSED", "ECONNREFUSED"]);
  expect(pool.stats).toEqual({ connected: 0, open: 0 });
  await expect.poll(() => server.listening).toBe(false);
  server.listen(0, "127.0.0.1");
});

it("a connection upgraded to a WebSocket leaves the pool", async () => {
  server.once("upgrade", (_request, socket: Socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
  });
  const upgraded = await new Promise<{ destroy: () => void }>((resolve, reject) => {
    pool.dispatch(
      { path: "/socket", method: "GET", upgrade: "websocket" },
      {
        onRequestStart: () => undefined,
        onRequestUpgrade: (_controller, _status, _headers, socket) => resolve(socket),
        onResponseError: (_controller, error) => reject(error),
      },
    );
  });
  await expect.poll(() => pool.stats).toEqual({ connected: 0, open: 0 });
  upgraded.destroy();
});

it("queued, in-flight and new requests fail after destroy()", async () => {
  pool = openPool(1);
  const sent = ["/held", "/"].map((path) => send(path).catch((error: { code: string }) => error.code));
  await expect.poll(() => held.length).toBe(1);
  await pool.destroy();
  const late = await send("/").catch((error: { code: string }) => error.code);
  expect([...(await Promise.all(sent)), late]).toEqual(["UND_ERR_DESTROYED", "UND_ERR_DESTROYED", "UND_ERR_DESTROYED"]);
});
