// Open API responses are aborted when their session ends, with two instances on one Redis, or when the client's own access
// token expires.
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { SESSION_COOKIE } from "../../src/session/cookies.ts";
import { sessionKeyOf } from "../../src/session/session.ts";
import { openStream, type OpenStream } from "@cloakroom/testkit/open-stream.ts";
import { startTestSystem, type TestSystem } from "@cloakroom/testkit/system.ts";

const AUDIENCE = "https://orders.example";
let system: TestSystem;
let upstream: Server;
/** The upstream's open responses by path. */
const open = new Map<string, ServerResponse>();

beforeAll(async () => {
  upstream = createServer((request, response) => {
    const path = request.url ?? "";
    open.set(path, response);
    response.once("close", () => open.delete(path));
    if (path.startsWith("/events"))
      response.writeHead(200, { "content-type": "text/event-stream" }).write("data: 1\n\n");
    else if (path.startsWith("/download")) response.writeHead(200, { "content-length": "1000000" }).write("part");
    else if (path.startsWith("/lines")) response.writeHead(200, { "content-type": "text/plain" }).write("line\n");
    else response.end("short");
  });
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  const baseUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  system = await startTestSystem({
    instances: 2,
    upstreams: () => [
      { prefix: "/api", baseUrl },
      { prefix: "/api/open", baseUrl: `${baseUrl}/events`, token: "none" },
      { prefix: "/machine", baseUrl, access: "bearer", bearer: { audience: AUDIENCE, clockSkewSeconds: 0 } },
    ],
  });
});
afterAll(async () => {
  upstream.closeAllConnections();
  upstream.close();
  await system.stop();
});

it.each([
  ["an event stream", "/events?a"],
  ["a long download", "/download?a"],
  ["a response of unknown length", "/lines?a"],
])(
  "%s is aborted on every instance when its session ends on one, and so is the upstream request",
  async (_what, path) => {
    const [here, there] = system.gateways;
    const browser = system.browser("alice", here);
    await browser.login();
    const streams = await Promise.all([
      openStream(browser, here!, `/api${path}1`),
      openStream(browser, there!, `/api${path}2`),
    ]);
    await expect.poll(() => streams.map((stream) => stream.text() !== "")).toEqual([true, true]);
    const endedAtMs = performance.now();
    expect(
      (await browser.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } })).status,
    ).toBe(200);
    await expect
      .poll(() => streams.map((stream) => stream.outcome()), { timeout: 5_000 })
      .toEqual(["aborted", "aborted"]);
    // Documented: one second; doubled for a busy machine.
    expect(performance.now() - endedAtMs).toBeLessThan(2_000);
    await expect.poll(() => [open.has(`${path}1`), open.has(`${path}2`)]).toEqual([false, false]);
    expect(there!.log.join("\n")).toContain("the session ended while its response was open: logout");
  },
);

it("streams of another session and of a row without session stay open", async () => {
  const [here, there] = system.gateways;
  const [leaving, staying] = [system.browser("alice", here), system.browser("alice", there)];
  await leaving.login();
  await staying.login();
  const ended = await openStream(leaving, there!, "/api/events?leaving");
  const kept = await openStream(staying, there!, "/api/events?staying");
  const anonymous = await openStream(leaving, there!, "/api/open?anonymous");
  await leaving.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });
  await expect.poll(() => ended.outcome()).toBe("aborted");
  open.get("/events?staying")!.write("data: 2\n\n");
  open.get("/events?anonymous")!.write("data: 2\n\n");
  await expect
    .poll(() => [kept.text(), anonymous.text()].map((text) => text.includes("data: 2")))
    .toEqual([true, true]);
  kept.close();
  anonymous.close();
});

it("a session that ends by expiry aborts its streams", async () => {
  const [here, there] = system.gateways;
  const browser = system.browser("admin", here);
  await browser.login();
  const stream = await openStream(browser, there!, "/api/events?backchannel");
  await expect.poll(() => stream.text()).toContain("data: 1");
  await here!.store.end(sessionKeyOf(browser.cookies.get(SESSION_COOKIE)!), "provider_logout");
  await expect.poll(() => stream.outcome()).toBe("aborted");
});

it("a stream stays open during a store outage (I5)", async () => {
  const [here] = system.gateways;
  const browser = system.browser("alice", here);
  await browser.login();
  const stream = await openStream(browser, here!, "/api/events?outage");
  await system.redis.kill();
  await expect.poll(async () => (await browser.fetch("/api/short")).status).toBe(503);
  open.get("/events?outage")!.write("data: during\n\n");
  await expect.poll(() => stream.text()).toContain("during");
  await system.redis.start();
  await expect.poll(async () => (await browser.fetch("/api/short")).status, { timeout: 10_000 }).toBe(200);
  expect(stream.outcome()).toBeUndefined();
  await browser.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });
  await expect.poll(() => stream.outcome(), { timeout: 5_000 }).toBe("aborted");
});

it("an event stream of a client is aborted when its access token expires, and a download continues", async () => {
  const [here] = system.gateways;
  const openWithToken = async (path: string): Promise<OpenStream> => {
    const nowSeconds = Math.floor(Date.now() / 1000);
    const claims = { iss: system.provider.issuer, sub: "robot", client_id: "robot", aud: AUDIENCE };
    const times = { iat: nowSeconds, exp: nowSeconds + 5 };
    const token = await system.provider.sign({ ...claims, ...times, jti: path }, { typ: "at+jwt" });
    return openStream({ cookies: new Map() }, here!, `/machine${path}`, { authorization: `Bearer ${token}` });
  };
  const download = await openWithToken("/download?machine");
  const stream = await openWithToken("/events?machine");
  expect([download.status, stream.status]).toEqual([200, 200]);
  // The periodic check is due after 27 s at the earliest.
  await expect.poll(() => stream.outcome(), { timeout: 15_000 }).toBe("aborted");
  await expect.poll(() => open.has("/events?machine")).toBe(false);
  expect(here!.log.join("\n")).toContain("while the response was open: access token rejected: it has expired");
  open.get("/download?machine")!.write("more");
  await expect.poll(() => download.text()).toBe("partmore");
  expect(download.outcome()).toBeUndefined();
  download.close();
}, 30_000);
