// HTTP pipelining: pipelined requests wait for their turn, hold no resources and are limited in number.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { SESSION_COOKIE } from "../../src/session/cookies.ts";
import { startTestSystem, type TestSystem } from "@cloakroom/testkit/system.ts";

let system: TestSystem;
/** Open responses of the upstream by path. */
const open = new Map<ServerResponse, string>();
const upstream = createServer((request, response) => {
  open.set(response, request.url ?? "");
  response.once("close", () => open.delete(response));
});

beforeAll(async () => {
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  const baseUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  system = await startTestSystem({
    upstreams: () => [{ prefix: "/api", baseUrl, token: "none" }],
    env: { MAX_EVENT_STREAMS: "10" },
  });
});
afterAll(async () => {
  await system.stop();
  upstream.closeAllConnections();
  upstream.close();
});

const target = () => ({ port: Number(new URL(system.gateway.origin).port), host: "127.0.0.1" });
const requestFor = (path: string) =>
  `GET ${path} HTTP/1.1\r\nHost: ${new URL(system.gateway.config.publicOrigin).host}\r\nSec-Fetch-Site: same-origin\r\nX-CSRF: 1\r\n` +
  `Cookie: ${SESSION_COOKIE}=${randomBytes(32).toString("base64url")}\r\n\r\n`;

/** Sends all requests at once and disconnects when the first has reached the upstream. */
async function sendAndLeave(paths: readonly string[]): Promise<void> {
  const socket = connect(target());
  await once(socket, "connect");
  socket.write(paths.map(requestFor).join(""));
  await expect.poll(() => [...open.values()]).toContain(paths[0]!.slice("/api".length));
  // Its response follows all others, so all have been read.
  expect(await statusOf("/bff/user")).toBe("200");
  socket.destroy();
}

async function statusOf(path: string): Promise<string> {
  const socket = connect(target());
  socket.write(requestFor(path));
  const [head] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  return head.toString().split(" ", 2)[1]!;
}

function read(socket: Socket): () => string {
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return () => text;
}

it("pipelined event streams acquire no quota after their browser has disconnected", async () => {
  await sendAndLeave(["/api/slow", ...Array.from({ length: 12 }, () => "/bff/events")]);
  expect(await statusOf("/bff/events")).toBe("200");
});

it("a pipelined request whose browser disconnects before its turn does not reach the upstream", async () => {
  await sendAndLeave(["/api/first", "/api/second", "/api/third"]);
  await expect.poll(() => [...open.values()]).toEqual([]);
});

it("a pipelined request is handled after the previous response", async () => {
  const socket = connect(target());
  const text = read(socket);
  socket.write(requestFor("/api/a") + requestFor("/bff/user") + requestFor("/api/b"));
  await expect.poll(() => [...open.values()]).toEqual(["/a"]);
  for (const response of open.keys()) response.end("first");
  await expect.poll(() => [...open.values()]).toEqual(["/b"]);
  for (const response of open.keys()) response.end("third");
  await expect.poll(text).toMatch(/first[\s\S]+"user":null[\s\S]+third/);
  socket.destroy();
});

it("a connection with too many pipelined requests is closed", async () => {
  const socket = connect(target());
  socket.on("error", () => {}).write(requestFor("/api/slow") + requestFor("/bff/user").repeat(40));
  await once(socket.resume(), "close");
  await expect.poll(() => [...open.values()]).toEqual([]);
  expect(system.gateway.events("request_rejected").map(({ reason }) => reason)).toEqual([
    "too many pipelined requests",
  ]);
});
