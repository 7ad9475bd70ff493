// Load shedding: limits on waiting requests and connections; logouts are always admitted.
import { once } from "node:events";
import { connect, type AddressInfo, type Socket } from "node:net";
import { createServer, type ServerResponse } from "node:http";
import { afterAll, beforeAll, expect, it } from "vitest";
import { SESSION_COOKIE } from "../../src/session/cookies.ts";
import { openSocket, startSocketUpstream, type SocketUpstream } from "@cloakroom/testkit/web-socket-client.ts";
import { startTestSystem, type TestSystem } from "@cloakroom/testkit/system.ts";

let system: TestSystem;
let sockets: SocketUpstream;
/** Requests whose response the upstream has not sent yet. */
const held: ServerResponse[] = [];
const upstream = createServer((request, response) => {
  if (request.url?.startsWith("/stream") === true)
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
  else held.push(response);
});

beforeAll(async () => {
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  sockets = await startSocketUpstream();
  system = await startTestSystem({
    upstreams: () => [
      { prefix: "/api", baseUrl: url, maxConnections: 50 },
      { prefix: "/api/socket", baseUrl: sockets.origin, webSocket: true },
    ],
    env: { MAX_WAITING_REQUESTS: "5", MAX_CONNECTIONS: "40" },
  });
});
afterAll(async () => {
  await system.stop();
  sockets.stop();
  upstream.closeAllConnections();
  upstream.close();
});

const respondToHeld = () => held.splice(0).forEach((response) => response.end("{}"));

it("requests beyond the limit get 503 at once, logouts are admitted, and requests succeed after the overload", async () => {
  const [browser, leaver, other] = [system.browser(), system.browser(), system.browser("admin")];
  for (const each of [browser, leaver, other]) await each.login();
  const cookie = browser.cookies.get(SESSION_COOKIE);
  const waiting = Array.from({ length: 5 }, () => browser.fetch("/api/slow"));
  await expect.poll(() => held.length).toBe(5);

  for (const path of ["/api/more", "/bff/user"]) {
    const rejected = await browser.fetch(path);
    expect(rejected.status, path).toBe(503);
    expect(rejected.headers.get("retry-after"), path).toMatch(/^\d+$/);
    expect(await rejected.json()).toMatchObject({ code: "overloaded" });
    expect(rejected.headers.getSetCookie()).toEqual([]);
  }
  expect(held).toHaveLength(5);
  expect((await leaver.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } })).status).toBe(
    200,
  );
  const sub = system.provider.user("admin")!.sub;
  const body = new URLSearchParams({ logout_token: await system.provider.logoutToken({ aud: "cloakroom", sub }) });
  const told = await fetch(`${system.gateway.origin}/bff/backchannel-logout`, { method: "POST", body });
  expect(told.status).toBe(200);

  respondToHeld();
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect((await browser.fetch("/bff/user")).status).toBe(200);
  expect(browser.cookies.get(SESSION_COOKIE)).toBe(cookie);
  expect((await other.fetch("/bff/user").then((response) => response.json())) as object).toMatchObject({ user: null });
});

it("open event streams do not count", async () => {
  const browser = system.browser();
  await browser.login();
  const left = new AbortController();
  const cookie = `${SESSION_COOKIE}=${browser.cookies.get(SESSION_COOKIE)}`;
  const { host } = new URL(system.gateway.config.publicOrigin);
  const headers = { host, cookie, accept: "text/event-stream", "sec-fetch-site": "same-origin" };
  const { request } = await import("undici");
  const streams: Awaited<ReturnType<typeof request>>[] = [];
  for (let open = 0; open < 12; open++)
    streams.push(await request(`${system.gateway.origin}/api/stream`, { headers, signal: left.signal }));
  expect(streams.map(({ statusCode }) => statusCode)).toEqual(Array.from({ length: 12 }, () => 200));
  expect((await browser.fetch("/bff/user")).status).toBe(200);
  for (const { body } of streams) body.on("error", () => undefined).destroy();
  left.abort();
});

it("open WebSockets do not count", async () => {
  const browser = system.browser();
  await browser.login();
  const { host } = new URL(system.gateway.config.publicOrigin);
  const address = { port: Number(new URL(system.gateway.origin).port), host };
  const headers = { cookie: `${SESSION_COOKIE}=${browser.cookies.get(SESSION_COOKIE)}` };
  const opened = [];
  for (let open = 0; open < 12; open++) opened.push(await openSocket(address, "/api/socket", { headers }));
  expect((await browser.fetch("/bff/user")).status).toBe(200);
  for (const { socket, closed } of opened) {
    socket.close();
    await closed;
  }
});

it.each([
  ["a back-channel logout form", "/bff/backchannel-logout", false],
  ["an upload", "/api/upload", true],
])("%s that arrives slowly does not count as a waiting request", async (_what, path, isLoggedIn) => {
  const [browser, slow] = [system.browser(), system.browser()];
  for (const each of [browser, slow]) await each.login();
  const { host } = new URL(system.gateway.config.publicOrigin);
  const lines = [
    `POST ${path} HTTP/1.1`,
    `Host: ${host}`,
    "Content-Type: application/x-www-form-urlencoded",
    "Content-Length: 500",
    ...(isLoggedIn ? ["X-CSRF: 1", "Sec-Fetch-Site: same-origin"] : []),
    ...(isLoggedIn ? [`Cookie: ${SESSION_COOKIE}=${slow.cookies.get(SESSION_COOKIE)}`] : []),
  ];
  const { port } = new URL(system.gateway.origin);
  const senders: Socket[] = [];
  for (let count = 1; count <= 12; count++) {
    const sender = connect(Number(port), "127.0.0.1").on("error", () => undefined);
    senders.push(sender);
    sender.write(`${lines.join("\r\n")}\r\n\r\nl`);
    // Sequential, so that each request has been counted before the next one.
    if (isLoggedIn) await expect.poll(() => held.length).toBe(count);
    expect((await browser.fetch("/bff/user")).status).toBe(200);
  }
  for (const sender of senders) sender.destroy();
  respondToHeld();
});

it("connections beyond MAX_CONNECTIONS are dropped and logged", async () => {
  const { port } = new URL(system.gateway.origin);
  const sockets = Array.from({ length: 60 }, () => connect(Number(port), "127.0.0.1").on("error", () => undefined));
  await expect
    .poll(() => sockets.filter(({ destroyed, closed }) => destroyed || closed).length)
    .toBeGreaterThanOrEqual(20);
  expect(system.gateway.log.filter((line) => line.includes("MAX_CONNECTIONS"))).toHaveLength(1);
  for (const socket of sockets) socket.destroy();
  await expect
    .poll(() =>
      fetch(system.gateway.origin).then(
        (response) => response.status,
        () => 0,
      ),
    )
    .toBeGreaterThan(0);
});
