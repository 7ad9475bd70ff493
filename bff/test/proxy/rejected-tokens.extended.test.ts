// Access tokens that an API rejects with 401 invalid_token (RFC 6750 §3.1): on two instances with one Redis, the token is
// renewed once, and requests that can be repeated are repeated with the new one.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { WebSocketServer } from "ws";
import type { TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startTestSystem, type TestSystem } from "@cloakroom/testkit/system.ts";
import { openSocket } from "@cloakroom/testkit/web-socket-client.ts";

type Call = { token: string; method: string; url: string; headers: IncomingMessage["headers"] };

const INVALID = 'Bearer realm="api", error="invalid_token", error_description="revoked"';

let system: TestSystem;
let api: Server;
let calls: Call[] = [];
/** The challenge of the API for a request; undefined: it is accepted. */
let challengeFor: (call: Call) => string | undefined;
let rejectionBody = "the API rejected the token";
let respondSlowly = false;

const noteCall = ({ method = "", url = "", headers }: IncomingMessage): Call => {
  const call = { token: headers.authorization ?? "", method, url, headers };
  calls.push(call);
  return call;
};
function respond(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  const challenge = challengeFor(noteCall(request));
  if (challenge === undefined) return void response.end("accepted");
  response.writeHead(401, { "www-authenticate": challenge, "x-api": "rejected" });
  if (respondSlowly) return void response.write(rejectionBody);
  response.end(rejectionBody);
}
const webSockets = new WebSocketServer({ noServer: true });
function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const challenge = challengeFor(noteCall(request));
  if (challenge === undefined) {
    webSockets.handleUpgrade(request, socket, head, (webSocket) =>
      webSocket.on("message", (text) => webSocket.send(text)),
    );
    return;
  }
  socket.end(`HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: ${challenge}\r\nContent-Length: 0\r\n\r\n`);
}

beforeAll(async () => {
  api = createServer(respond).on("upgrade", upgrade).listen(0, "127.0.0.1");
  await once(api, "listening");
  const baseUrl = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  system = await startTestSystem({
    instances: 2,
    exchangeAudiences: ["orders"],
    lifetimes: { accessTokenSeconds: 600 },
    upstreams: () => [
      { prefix: "/api", baseUrl, webSocket: true },
      { prefix: "/api/orders", baseUrl, audience: "orders" },
      { prefix: "/api/own", baseUrl, token: "client" },
      { prefix: "/api/open", baseUrl, token: "optional" },
      { prefix: "/api/off", baseUrl, refreshOn401: false },
    ],
  });
});
afterAll(async () => {
  await system.stop();
  api.closeAllConnections();
  api.close();
});
beforeEach(() => {
  calls = [];
  challengeFor = () => undefined;
  rejectionBody = "the API rejected the token";
  respondSlowly = false;
});
afterEach(() => {
  system.provider.faults.clear();
  expect(system.provider.count("refresh-token-reuse")).toBe(0);
});

const refreshes = () => system.provider.count("token:refresh_token");
const exchanges = () => system.provider.count("token:exchange");
const ownTokens = () => system.provider.count("token:client_credentials");
const loggedIn = async (username?: string): Promise<TestBrowser> => {
  const browser = system.browser(username);
  expect((await browser.login()).status).toBe(303);
  return browser;
};
/** A new user: failed refreshes open the provider's circuit for the user whose tokens they were. */
const withOutage = async (): Promise<{ browser: TestBrowser; before: number }> => {
  const username = `user-${crypto.randomUUID()}`;
  await system.provider.addUser({ username, password: `${username}-demo-password` });
  return withRejectedToken("/api/x", username);
};
/** Rejects all tokens that have been sent so far. */
const rejectSentTokens = (): void => {
  const rejected = new Set(calls.map(({ token }) => token));
  challengeFor = ({ token }) => (rejected.has(token) ? INVALID : undefined);
  calls = [];
};
/** Logs in, sends one request, and has the API reject the token of that request. */
const withRejectedToken = async (
  path = "/api/x",
  username?: string,
): Promise<{ browser: TestBrowser; before: number }> => {
  const browser = await loggedIn(username);
  expect((await browser.fetch(path)).status).toBe(200);
  rejectSentTokens();
  return { browser, before: refreshes() };
};

describe("an access token that the API rejects", () => {
  it.each(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])(
    "%s without a body is repeated with a new token",
    async (method) => {
      const { browser, before } = await withRejectedToken();
      const response = await browser.fetch("/api/x?a=%20b", { method });
      expect([response.status, response.headers.get("x-api")]).toEqual([200, null]);
      expect(await response.text()).toBe(method === "HEAD" ? "" : "accepted");
      expect(calls.map((call) => [call.method, call.url])).toEqual([
        [method, "/x?a=%20b"],
        [method, "/x?a=%20b"],
      ]);
      expect(calls[1]!.token).not.toBe(calls[0]!.token);
      expect(refreshes() - before).toBe(1);
    },
  );

  it.each<[string, string | undefined]>([
    ["POST", undefined],
    ["POST", "a body"],
    ["PUT", "a body"],
    ["PATCH", "a body"],
    ["DELETE", "a body"],
  ])("%s with body %s is sent once, and the next request has a new token", async (method, body) => {
    const { browser, before } = await withRejectedToken();
    const response = await browser.fetch("/api/x", { method, ...(body === undefined ? {} : { body }) });
    expect([response.status, response.headers.get("x-api"), await response.text()]).toEqual([
      401,
      "rejected",
      rejectionBody,
    ]);
    expect(calls).toHaveLength(1);
    await expect.poll(() => refreshes() - before).toBe(1);
    await expect.poll(async () => (await browser.fetch("/api/x", { method: "POST" })).status).toBe(200);
    expect(refreshes() - before).toBe(1);
  });

  it("100 concurrent requests on two instances cause one refresh, and all succeed", async () => {
    const { browser, before } = await withRejectedToken();
    const other = system.browser();
    for (const [name, value] of browser.cookies) other.cookies.set(name, value);
    other.useInstance(system.gateways[1]!.origin);
    const statuses = await Promise.all(
      Array.from({ length: 100 }, async (_, at) => (await (at % 2 === 0 ? browser : other).fetch("/api/x")).status),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(refreshes() - before).toBe(1);
  });

  it("an instance that still has the rejected token uses the one that another has obtained", async () => {
    const { browser, before } = await withRejectedToken();
    expect((await browser.fetch("/api/x")).status).toBe(200);
    browser.useInstance(system.gateways[1]!.origin);
    expect((await browser.fetch("/api/x")).status).toBe(200);
    expect(refreshes() - before).toBe(1);
  });

  it("an API that rejects every token causes two refreshes on all instances, and its responses are forwarded", async () => {
    const { browser, before } = await withRejectedToken();
    challengeFor = () => INVALID;
    for (const at of Array.from({ length: 12 }).keys()) {
      browser.useInstance(system.gateways[at % 2]!.origin);
      const response = await browser.fetch("/api/x");
      expect([response.status, await response.text()]).toEqual([401, rejectionBody]);
    }
    expect(refreshes() - before).toBe(2);
    // Two requests caused refreshes; one more may have met the token of the other instance.
    expect(calls.length).toBeLessThanOrEqual(15);
    expect(await (await browser.fetch("/bff/user")).json()).toHaveProperty("user.sub");
  });

  it("an API that accepts the token after two refreshes is reached", async () => {
    const { browser, before } = await withRejectedToken();
    challengeFor = () => (refreshes() - before < 2 ? INVALID : undefined);
    expect([(await browser.fetch("/api/x")).status, (await browser.fetch("/api/x")).status]).toEqual([401, 200]);
    expect(refreshes() - before).toBe(2);
  });

  it("an API that rejects three tokens is reached after the interval", async () => {
    const { browser, before } = await withRejectedToken();
    challengeFor = () => (refreshes() - before < 3 ? INVALID : undefined);
    await expect.poll(async () => (await browser.fetch("/api/x")).status, { timeout: 15_000, interval: 300 }).toBe(200);
    expect(refreshes() - before).toBe(3);
  }, 20_000);

  it.each([
    ["401 without a challenge parameter", "Bearer"],
    ["another error", 'Bearer error="insufficient_scope"'],
    ["another scheme", 'Basic realm="invalid_token"'],
    ["the word in a description", 'Bearer error="invalid_request", error_description="invalid_token"'],
  ])("%s is forwarded without a refresh", async (_what, challenge) => {
    const { browser, before } = await withRejectedToken();
    challengeFor = () => challenge;
    expect((await browser.fetch("/api/x")).status).toBe(401);
    expect([calls.length, refreshes() - before]).toEqual([1, 0]);
  });

  it("a demand for a stronger login causes no refresh", async () => {
    const { browser, before } = await withRejectedToken();
    challengeFor = () => 'Bearer error="insufficient_user_authentication", acr_values="2"';
    const response = await browser.fetch("/api/x");
    expect(((await response.json()) as { code: string }).code).toBe("step_up_required");
    expect([calls.length, refreshes() - before]).toEqual([1, 0]);
  });

  it("refreshOn401: false forwards the response", async () => {
    const { browser, before } = await withRejectedToken("/api/off/x");
    expect((await browser.fetch("/api/off/x")).status).toBe(401);
    expect([calls.length, refreshes() - before]).toEqual([1, 0]);
  });

  it("a row with token optional repeats the request of a user, and not that of an anonymous browser", async () => {
    const { browser, before } = await withRejectedToken("/api/open/x");
    expect((await browser.fetch("/api/open/x")).status).toBe(200);
    challengeFor = () => INVALID;
    calls = [];
    expect((await system.browser().fetch("/api/open/x")).status).toBe(401);
    expect([calls.length, refreshes() - before]).toEqual([1, 1]);
  });

  it("a WebSocket handshake is repeated with a new token", async () => {
    const { browser, before } = await withRejectedToken();
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const { origin, config } = system.gateway;
    const address = { port: Number(new URL(origin).port), host: new URL(config.publicOrigin).host };
    const { socket, next } = await openSocket(address, "/api/ws", { headers: { Cookie: cookie } });
    socket.send("hello");
    expect((await next()).toString()).toBe("hello");
    socket.close();
    expect([calls.length, refreshes() - before]).toEqual([2, 1]);
  });
});

describe("the response that rejected the token", () => {
  // Failed refreshes of several users open the provider's circuit, which then lets one refresh per interval pass.
  afterEach(() => sleep(1_200));

  it.each([0, 10, 16_384, 300_000])("a body of %i bytes is complete if the token cannot be renewed", async (bytes) => {
    const { browser } = await withOutage();
    rejectionBody = "x".repeat(bytes);
    system.provider.faults.set({ endpoint: "token", delayMs: 200, status: 500, times: 1 });
    const response = await browser.fetch("/api/x");
    expect([response.status, (await response.text()).length]).toEqual([401, bytes]);
    expect(await (await browser.fetch("/bff/user")).json()).toHaveProperty("user.sub");
  });

  it("a body without an end does not delay the repetition", async () => {
    const { browser } = await withRejectedToken();
    respondSlowly = true;
    rejectionBody = "x".repeat(1_000_000);
    expect((await browser.fetch("/api/x")).status).toBe(200);
  });

  it("the response that rejected the token is forwarded while the provider is down, and the refresh is tried once for each token", async () => {
    const { browser } = await withOutage();
    const before = system.provider.count("token");
    system.provider.faults.set({ endpoint: "token", status: 503 });
    for (const _ of Array.from({ length: 5 })) expect((await browser.fetch("/api/x")).status).toBe(401);
    expect(system.provider.count("token") - before).toBeLessThanOrEqual(2);
    system.provider.faults.clear();
    expect(await (await browser.fetch("/bff/user")).json()).toHaveProperty("user.sub");
  });
});

describe("a refresh that the provider rejects", () => {
  it("a refresh that the provider rejects ends the session with 401 and its reason", async () => {
    const { browser } = await withRejectedToken();
    system.provider.faults.set({
      ...{ endpoint: "token", status: 400, times: 1 },
      ...{ contentType: "application/json", body: '{"error":"invalid_grant"}' },
    });
    const response = await browser.fetch("/api/x");
    expect([response.status, response.headers.get("x-api")]).toEqual([401, null]);
    expect(await response.json()).toHaveProperty("code", "session_expired");
    expect(await (await browser.fetch("/bff/user")).json()).toEqual({ user: null, session: null });
  });

  it("I2: a logout during the renewal is final", async () => {
    const { browser } = await withRejectedToken();
    system.provider.faults.set({ endpoint: "token", delayMs: 500, times: 1 });
    const pending = browser.fetch("/api/x");
    await expect.poll(() => calls.length).toBe(1);
    const logout = { method: "POST", headers: { accept: "application/json" } };
    const other = system.browser();
    for (const [name, value] of browser.cookies) other.cookies.set(name, value);
    expect((await other.fetch("/bff/logout", logout)).status).toBe(200);
    expect((await pending).status).toBe(401);
    expect(calls).toHaveLength(1);
  });
});

describe("tokens for the audience of a row", () => {
  it("an exchanged token is exchanged again, without a refresh of the session", async () => {
    const { browser, before } = await withRejectedToken("/api/orders/x");
    const exchanged = exchanges();
    const statuses = await Promise.all(
      Array.from({ length: 20 }, async () => (await browser.fetch("/api/orders/x")).status),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect([exchanges() - exchanged, refreshes() - before]).toEqual([1, 0]);
  });

  it("the gateway's own token is fetched again", async () => {
    const { browser, before } = await withRejectedToken("/api/own/x");
    const fetched = ownTokens();
    const statuses = await Promise.all(
      Array.from({ length: 20 }, async () => (await browser.fetch("/api/own/x")).status),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect([ownTokens() - fetched, refreshes() - before]).toEqual([1, 0]);
  });

  it("an API that rejects all of these tokens causes two token requests", async () => {
    const { browser } = await withRejectedToken("/api/orders/x");
    challengeFor = () => INVALID;
    const counted = exchanges();
    for (const _ of Array.from({ length: 5 })) expect((await browser.fetch("/api/orders/x")).status).toBe(401);
    expect(exchanges() - counted).toBe(2);
  });
});
