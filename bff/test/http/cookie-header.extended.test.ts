// Cookie tossing: a planted Cookie header never selects another user's session and never locks a user out: every
// shape of the header at every place that reads one.
import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LOGOUT_COOKIE, SESSION_COOKIE } from "../../src/session/cookies.ts";
import { newSessionId } from "../../src/session/session.ts";
import { parseResponse, type RawResponse } from "../proxy/gateway.ts";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import { COOKIE_ROWS, type Outcome } from "../support/cookie-rows.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { startHostileProvider, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";

let provider: HostileProvider;
let gateway: TestGateway;
let bob: { sessionId: string; bearer: string };
/** Requests received by the upstream, oldest first. */
const bearers: (string | undefined)[] = [];
const upstream = createServer((request, response) => {
  bearers.push(request.headers.authorization);
  response.end("ok");
});
upstream.on("upgrade", (request, socket) => {
  bearers.push(request.headers.authorization);
  socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
});

beforeAll(async () => {
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  provider = await startHostileProvider();
  const { port } = upstream.address() as AddressInfo;
  gateway = await startGateway({ ...provider, env: { UPSTREAMS: `/api=http://127.0.0.1:${port}` } });
  const sessionId = await logIn("bob");
  await send("GET /api/x", [`${SESSION_COOKIE}=${sessionId}`]);
  bob = { sessionId, bearer: bearers.at(-1)! };
  expect(bob.bearer).toMatch(/^Bearer /);
});
afterAll(async () => {
  await gateway.stop();
  await provider.stop();
  upstream.closeAllConnections();
  upstream.close();
});

async function logIn(sub: string): Promise<string> {
  provider.overrides = { claims: (original) => ({ ...original, sub, sid: `sid-${crypto.randomUUID()}` }) };
  const browser = testBrowser(gateway.origin);
  await browser.login();
  return browser.cookies.get(SESSION_COOKIE)!;
}

const APP = ["X-CSRF: 1", "Sec-Fetch-Site: same-origin"];
const NAVIGATION = ["Accept: text/html", "Sec-Fetch-Dest: document", "Sec-Fetch-Mode: navigate"];
const STREAM = ["Accept: text/event-stream", "Sec-Fetch-Site: same-origin"];

/** Uses a raw socket, since client libraries do not send such headers. Event streams are read up to the first event. */
function send(line: string, cookieLines: readonly string[], fields: readonly string[] = APP): Promise<RawResponse> {
  const { host, port } = new URL(gateway.origin);
  const head = [`${line} HTTP/1.1`, `Host: ${host}`, "Connection: close", ...fields];
  const bytes = [...head, ...cookieLines.map((each) => `Cookie: ${each}`), "", ""].join("\r\n");
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), "127.0.0.1", () => socket.write(Buffer.from(bytes, "latin1")));
    let raw = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      raw += chunk;
      if (raw.includes("text/event-stream") && /\r\n\r\n[^]*\n\n/.test(raw)) socket.destroy();
    });
    socket.on("close", () => resolve(parseResponse(raw)));
    socket.on("error", reject);
  });
}

const webSocket = () => [
  `Origin: ${gateway.config.publicOrigin}`,
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

const userIn = ({ body }: RawResponse) => {
  const { user } = JSON.parse(body.slice(body.indexOf("{"), body.lastIndexOf("}") + 1)) as {
    user?: { sub: string } | null;
  };
  return user?.sub;
};

/** A duplicate is rejected; the response removes the planted cookie and keeps the browser's own. */
function expectCleanup(response: RawResponse, name: string): void {
  expect(response.status).toBe(400);
  const lines = response.headers.get("set-cookie") ?? [];
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) {
    expect(line).toMatch(new RegExp(`^(${name}=|=x); Path=/.*; Max-Age=0`));
    expect(line).not.toMatch(/^_.*Path=\/;(?!.*Domain=)/);
  }
}

describe.each(COOKIE_ROWS)("%s", (_title, header, outcome) => {
  const linesOf = (name: string, planted: string, own: string) => [header({ name, planted, own })].flat();

  it("the header selects the browser's own session or none", async () => {
    const alice = await logIn("alice");
    const lines = linesOf(SESSION_COOKIE, bob.sessionId, alice);
    const before = bearers.length;
    const responses = {
      user: await send("GET /bff/user", lines),
      api: await send("GET /api/x", lines),
      webSocket: await send("GET /api/ws", lines, webSocket()),
      events: await send("GET /bff/events", lines, STREAM),
    };
    const arrived = bearers.slice(before);
    expect(arrived).not.toContain(bob.bearer);
    const expected = { own: [200, 200, 403, 200], none: [200, 401, 401, 401], duplicate: [400, 400, 400, 400] };
    expect(Object.values(responses).map(({ status }) => status)).toEqual(expected[outcome]);
    expect(arrived).toHaveLength(outcome === "own" ? 2 : 0);
    if (outcome === "duplicate")
      for (const response of Object.values(responses)) expectCleanup(response, SESSION_COOKIE);
    else expect(userIn(responses.user)).toBe(outcome === "own" ? "alice" : undefined);
  });

  it("the header does not select the planted session for a browser without a session", async () => {
    const lines = linesOf(SESSION_COOKIE, bob.sessionId, newSessionId());
    const before = bearers.length;
    const user = await send("GET /bff/user", lines);
    await send("GET /api/x", lines);
    const stream = await send("GET /bff/events", lines, STREAM);
    expect(bearers).toHaveLength(before);
    if (outcome !== "duplicate") expect(userIn(user)).toBeUndefined();
    if (stream.status === 200) expect(stream.body).toContain("session-ended");
  });

  it("a logout ends the browser's own session only", async () => {
    const alice = await logIn("alice");
    const response = await send("POST /bff/logout", linesOf(SESSION_COOKIE, bob.sessionId, alice), [
      ...APP,
      "Accept: application/json",
      "Content-Length: 0",
    ]);
    expect(response.status).toBe(outcome === "duplicate" ? 400 : 200);
    const after = async (id: string) => userIn(await send("GET /bff/user", [`${SESSION_COOKIE}=${id}`]));
    expect(await after(bob.sessionId)).toBe("bob");
    expect(await after(alice)).toBe(outcome === "own" ? undefined : "alice");
  });

  it("a callback does not complete the attacker's login (login CSRF)", async () => {
    const attacker = testBrowser(gateway.origin);
    const callback = new URL(await attacker.loginAtProvider());
    const [[name, planted]] = [...attacker.cookies] as [[string, string]];
    const before = provider.counts.token;
    const lines = linesOf(name, planted, newSessionId());
    const response = await send(`GET ${callback.pathname}${callback.search}`, lines, NAVIGATION);
    expect(response.status).toBe(400);
    expect(provider.counts.token).toBe(before);
    expect(response.headers.get("set-cookie")?.join() ?? "").not.toContain(SESSION_COOKIE);
    if (outcome === "duplicate") expectCleanup(response, name);
  });

  it("a callback completes the browser's own login only", async () => {
    provider.overrides = {};
    const browser = testBrowser(gateway.origin);
    const callback = new URL(await browser.loginAtProvider());
    const [[name, own]] = [...browser.cookies] as [[string, string]];
    const target = callback.pathname + callback.search;
    const response = await send(`GET ${target}`, linesOf(name, newSessionId(), own), NAVIGATION);
    const begins = (each: RawResponse) => (each.headers.get("set-cookie")?.join() ?? "").includes(`${SESSION_COOKIE}=`);
    expect([response.status, begins(response)]).toEqual(outcome === "own" ? [303, true] : [400, false]);
    // The rejection used up nothing: the login completes with the browser's own cookie.
    if (outcome !== "own") expect(begins(await send(`GET ${target}`, [`${name}=${own}`], NAVIGATION))).toBe(true);
  });

  it("the planted cookie does not redirect a logout to the provider", async () => {
    const lines = linesOf(LOGOUT_COOKIE, "planted", "own");
    const { status, headers } = await send("GET /bff/logout/provider", lines, NAVIGATION);
    expect(status).toBe(outcome === "duplicate" ? 400 : 303);
    expect(headers.get("location")?.join() ?? "").not.toContain("planted");
  });
});

it.each(["\x01", "\x0b", "\x0c", "\x1f", "\x7f"])("a control character (%j) selects no session", async (control) => {
  const lines = [`theme=x${control}${SESSION_COOKIE}=${bob.sessionId}`];
  const before = bearers.length;
  const { status } = await send("GET /api/x", lines);
  expect([400, 401]).toContain(status);
  expect(bearers).toHaveLength(before);
});

it("a duplicate gets an error page with a link and is logged as a security event without cookie values", async () => {
  const twice = [`${SESSION_COOKIE}=${bob.sessionId}; ${SESSION_COOKIE}=x`];
  const page = await send("GET /deep/page?a=<b>", twice, NAVIGATION);
  expect(page.status).toBe(400);
  const escaped = await send("GET /deep/page?a=%3Cb%3E&c=d", twice, NAVIGATION);
  expect(escaped.headers.get("content-type")).toEqual(["text/html; charset=utf-8"]);
  expect(escaped.body).toContain('href="/deep/page?a=%3Cb%3E&amp;c=d"');
  expect(escaped.body).toContain("Another site on this domain");
  const form = await send("POST /bff/logout", twice, [...APP, ...NAVIGATION, "Content-Length: 0"]);
  expect(form.body).toContain('href="/"');
  expect(form.body).not.toContain('href="/bff/logout"');
  const problem = JSON.parse((await send("GET /bff/user", twice)).body) as object;
  expect(problem).toMatchObject({ code: "request_malformed", detail: expect.stringContaining("Another site") });
  expect(gateway.events("cookie_rejected").length).toBeGreaterThan(0);
  expect(gateway.log.join("\n")).not.toContain(bob.sessionId);
});

const OUTCOMES: Outcome[] = ["own", "none", "duplicate"];
it("the table contains every outcome", () => {
  for (const each of OUTCOMES) expect(COOKIE_ROWS.filter((row) => row[2] === each).length).toBeGreaterThan(3);
});
