// What a host can do wrong, and what it can rely on: server options, middlewares before the gateway, two gateways in one
// process, replaced configurations, the end of sessions, outages, closing.
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer, get as httpsGet } from "node:https";
import type { AddressInfo } from "node:net";
import express from "express";
import { afterEach, beforeAll, afterAll, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { testAuthority } from "@cloakroom/testkit/certificates.ts";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import { startHostileProvider, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";
import {
  ConfigError,
  createGateway,
  rejectionResponse,
  sendRejection,
  serverOptions,
  type Configuration,
  type Gateway,
  type LogEntry,
  type SessionRequirements,
} from "../../src/library.ts";
import { startUpstream, type TestUpstream } from "../proxy/gateway.ts";
import { testConfiguration } from "./hosts.ts";

let provider: HostileProvider;
let upstream: TestUpstream;
beforeAll(async () => {
  provider = await startHostileProvider();
  upstream = await startUpstream();
});
afterAll(async () => {
  await provider.stop();
  upstream.stop();
});

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  provider.overrides = {};
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

type Mounted = { gateway: Gateway; origin: string; server: Server; log: LogEntry[] };

/** @param serve creates the server; default: the gateway alone */
async function mount(
  serve: (gateway: Gateway) => Server = (gateway) => gateway.createServer(),
  more: Partial<Configuration> = {},
): Promise<Mounted> {
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  const log: LogEntry[] = [];
  const config = testConfiguration(origin, provider, {
    upstreams: [{ prefix: "/api", baseUrl: upstream.origin }],
    ...more,
  });
  const gateway = await createGateway({ config, log: (entry) => void log.push(entry) });
  const server = serve(gateway);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(async () => {
    await gateway.close();
    server.closeAllConnections();
    server.close();
  });
  return { gateway, origin, server, log };
}

/** A host with one own route that shows the result of session(). */
const ownRoute =
  (requirements: SessionRequirements = {}) =>
  (gateway: Gateway): Server =>
    gateway.createServer((request, response) => {
      void gateway.session(request, requirements as { access: "optional" }).then(async (result) => {
        if (result.kind === "session") response.end(JSON.stringify({ token: await result.accessToken() }));
        else if (result.kind === "anonymous") response.end(JSON.stringify(result));
        else sendRejection(response, result);
      });
    });

const reasons = (log: readonly LogEntry[]) =>
  log.map(({ reason }) => reason).filter((each) => typeof each === "string");

describe("a host that mounts the gateway wrongly", () => {
  it("a body parser before the gateway gets 500 and a sentence in the log; requests without a body work", async () => {
    const { origin, log } = await mount((gateway) => {
      const app = express().use(express.json(), express.urlencoded(), gateway.handler);
      return gateway.createServer((request, response) => app(request, response));
    });
    // createServer has its own handler first: mount the parsers in a server of their own.
    const browser = testBrowser(origin);
    await browser.login();
    expect((await browser.fetch("/api/x", { method: "POST", body: "{}" })).status).toBe(200);
    expect(reasons(log)).toEqual([]);
    const parsed = await mount((gateway) => {
      const app = express().use(express.json(), gateway.handler);
      const server = createServer(app);
      gateway.attach(server);
      return server;
    });
    const other = testBrowser(parsed.origin);
    await other.login();
    const headers = { "content-type": "application/json" };
    const response = await other.fetch("/api/x", { method: "POST", body: "{}", headers });
    expect([response.status, await response.json()]).toEqual([500, expect.objectContaining({ code: "internal" })]);
    expect(reasons(parsed.log)).toContainEqual(expect.stringMatching(/Mount gateway\.handler before body parsers/));
    expect((await other.fetch("/api/x")).status).toBe(200);
  });

  it("a gateway below a path is an error of the host, not a silent 404", async () => {
    let message = "";
    const { origin } = await mount((gateway) => {
      const app = express().use("/auth", gateway.handler);
      app.use(
        (error: Error, _request: unknown, response: { status: (code: number) => { end(): void } }, _next: unknown) => {
          message = error.message;
          response.status(500).end();
        },
      );
      const server = createServer(app);
      gateway.attach(server);
      return server;
    });
    expect((await testBrowser(origin).fetch("/auth/bff/user")).status).toBe(500);
    expect(message).toMatch(/Mount it without a path/);
  });

  it("a server without attach is reported once and still served", async () => {
    const { origin, log } = await mount((gateway) => createServer(express().use(gateway.handler)));
    const browser = testBrowser(origin);
    await browser.fetch("/bff/user");
    await browser.fetch("/bff/user");
    expect(reasons(log).filter((each) => each.includes("attach"))).toHaveLength(1);
    expect(reasons(log)).toContainEqual(expect.stringMatching(/requestTimeout ends uploads after 300 s/));
  });

  it("a server that accepts malformed requests is rejected at attach, and serves no request of the gateway", async () => {
    const { gateway, origin } = await mount((each) => createServer({ insecureHTTPParser: true }, each.handler));
    expect(() => gateway.attach(createServer({ insecureHTTPParser: true }))).toThrow(/insecureHTTPParser/);
    expect((await testBrowser(origin).fetch("/bff/user")).status).toBe(500);
  });

  it("headers and cookies of middlewares before the gateway are not part of its responses", async () => {
    const { origin } = await mount((gateway) => {
      const app = express().use((_request, response, next) => {
        response.set({ "Access-Control-Allow-Origin": "*", "Cache-Control": "public" }).cookie("host", "1");
        next();
      }, gateway.handler);
      const server = createServer(app);
      gateway.attach(server);
      return server;
    });
    const browser = testBrowser(origin);
    await browser.login();
    for (const path of ["/bff/user", "/api/x", "/bff/unknown"]) {
      const { headers } = await browser.fetch(path);
      expect(headers.get("access-control-allow-origin"), path).toBeNull();
      expect(headers.getSetCookie(), path).toEqual([]);
      expect(headers.get("cache-control"), path).not.toBe("public");
      expect(headers.get("x-powered-by"), path).toBeNull();
    }
  });

  it("a middleware that replaces response.write is reported", async () => {
    const { origin, log } = await mount((gateway) => {
      const server = createServer((request, response) => {
        const { write } = response;
        response.write = write.bind(response) as typeof write;
        gateway.handler(request, response);
      });
      gateway.attach(server);
      return server;
    });
    await testBrowser(origin).fetch("/bff/user");
    expect(reasons(log)).toContainEqual(expect.stringMatching(/replaces response\.write/));
  });

  it("listeners of the host for parser errors respond instead of the gateway's", async () => {
    const { server } = await mount((gateway) => {
      const created = gateway.createServer();
      created.on("clientError", (_error, socket) => socket.end("HTTP/1.1 400 Of the host\r\n\r\n"));
      return created;
    });
    const { connect } = await import("node:net");
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1", () => socket.write("GARBAGE\r\n\r\n"));
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
    await once(socket, "close");
    expect(text).toBe("HTTP/1.1 400 Of the host\r\n\r\n");
  });
});

it("a server with TLS, made by the host, serves the gateway and its WebSockets", async () => {
  const sockets = new WebSocketServer({ server: upstream.server });
  sockets.on("connection", (socket) => socket.send("hello"));
  cleanups.push(() => sockets.close());
  const port = await freePort();
  const origin = `https://localhost:${port}`;
  const rows = [{ prefix: "/ws", baseUrl: upstream.origin, webSocket: true, access: "optional" as const }];
  const config = testConfiguration(origin, provider, { upstreams: rows });
  const authority = testAuthority();
  const { key, cert } = authority.issue("localhost");
  const gateway = await createGateway({
    config: { ...config, provider: { ...config.provider, issuer: "https://id.example" } },
  });
  const server = createTlsServer({ ...serverOptions, key, cert }, (request, response) => {
    if (!gateway.handler(request, response)) response.end("page");
  });
  gateway.attach(server);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(async () => {
    await gateway.close();
    server.closeAllConnections();
    server.close();
  });
  const ca = authority.cert;
  const response = await new Promise<IncomingMessage>((resolve) => {
    const headers = { "x-csrf": "1", "sec-fetch-site": "same-origin" };
    httpsGet(`${origin}/bff/user`, { ca, headers, agent: false }, resolve);
  });
  expect(response.statusCode).toBe(200);
  const socket = new WebSocket(`${origin.replace("https", "wss")}/ws/x`, { ca, headers: { origin } });
  const [message] = (await once(socket, "message")) as [Buffer];
  expect(message.toString()).toBe("hello");
  socket.on("error", () => undefined).terminate();
});

describe("an own route", () => {
  it("an own route with access optional is anonymous without a session, and rejects a request that names one", async () => {
    const { origin } = await mount(ownRoute({ access: "optional" }));
    const browser = testBrowser(origin);
    expect(await (await browser.fetch("/own")).json()).toEqual({ kind: "anonymous" });
    expect((await browser.fetch("/own", { headers: { "x-session-handle": "gone" } })).status).toBe(401);
  });

  it("I5: is 503 with Retry-After while the provider cannot renew the token, and works again afterwards", async () => {
    provider.overrides = { token: (original) => ({ ...original, expires_in: 1 }) };
    const { origin } = await mount(ownRoute());
    const browser = testBrowser(origin);
    await browser.login();
    provider.overrides = {
      tokenResponse(response) {
        response.writeHead(500).end();
        return true;
      },
    };
    let body: { token: { kind: string; status: number; headers: Record<string, string> } } | undefined;
    await expect
      .poll(async () => {
        body = (await (await browser.fetch("/own")).json()) as typeof body;
        return body?.token.kind;
      })
      .toBe("unavailable");
    expect(body?.token.status).toBe(503);
    expect(body?.token.headers["retry-after"]).toMatch(/^\d+$/);
    provider.overrides = {};
    await expect
      .poll(async () => (await (await browser.fetch("/own")).json()) as object)
      .toMatchObject({
        token: { kind: "ready" },
      });
  });

  it("I2: rejects a session that ended while the route worked", async () => {
    let result: Awaited<ReturnType<Gateway["session"]>> | undefined;
    const { origin } = await mount((gateway) =>
      gateway.createServer((request, response) => {
        void gateway.session(request).then((found) => {
          result = found;
          response.end();
        });
      }),
    );
    const browser = testBrowser(origin);
    await browser.login();
    await browser.fetch("/own");
    if (result?.kind !== "session") throw new Error("no session");
    const ended: string[] = [];
    result.onEnd((reason) => void ended.push(reason));
    expect((await result.accessToken()).kind).toBe("ready");
    await browser.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });
    expect(await result.accessToken()).toMatchObject({ kind: "signed-out", status: 401, code: "session_revoked" });
    await expect.poll(() => ended).toEqual(["logout"]);
  });

  it.each<[string, (mounted: Mounted, logout: () => Promise<unknown>) => Promise<unknown>, string]>([
    ["a logout after another configuration was applied", (_mounted, logout) => logout(), "logout"],
    ["the end of the gateway", ({ gateway }) => gateway.close(), "gateway_closed"],
  ])("I2: %s ends its event streams", async (_title, end, reason) => {
    const ended: string[] = [];
    const mounted = await mount((gateway) =>
      gateway.createServer((request, response) => {
        void gateway.session(request).then((found) => {
          if (found.kind === "session") found.onEnd((each) => void ended.push(each));
          response.end(found.kind);
        });
      }),
    );
    const browser = testBrowser(mounted.origin);
    await browser.login();
    expect(await (await browser.fetch("/own")).text()).toBe("session");
    const upstreams = [{ prefix: "/other", baseUrl: upstream.origin }];
    const applied = await mounted.gateway.apply({ config: testConfiguration(mounted.origin, provider, { upstreams }) });
    expect(applied).toMatchObject({ kind: "applied", changed: [expect.any(String)] });
    // The replaced services are closed.
    await expect.poll(() => mounted.gateway.metrics()).not.toContain('upstream="/api"');
    await end(mounted, () => browser.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } }));
    await expect.poll(() => ended).toEqual([reason]);
  });

  it("I3: gets a user that it cannot change for the next request", async () => {
    const seen: unknown[] = [];
    const { origin } = await mount((gateway) =>
      gateway.createServer((request, response) => {
        void gateway.session(request).then((found) => {
          if (found.kind === "session") {
            seen.push(found.user["sub"]);
            expect(() => Object.assign(found.user, { sub: "root" })).toThrow(TypeError);
            expect(() => (found.roles as string[]).push("admin")).toThrow(TypeError);
          }
          response.end();
        });
      }),
    );
    const browser = testBrowser(origin);
    await browser.login();
    await browser.fetch("/own");
    await browser.fetch("/own");
    expect(seen).toEqual(["alice", "alice"]);
  });

  it("an own route of an Express router is checked by the browser's URL", async () => {
    const { origin } = await mount((gateway) => {
      const router = express.Router().get("/page", async (request, response) => {
        const result = await gateway.session(request, { csrf: "same-origin" });
        if (result.kind === "session") response.end("page");
        else sendRejection(response, result);
      });
      return gateway.createServer(express().use("/shop", router));
    });
    const response = await testBrowser(origin).navigate("/shop/page");
    expect(response.headers.get("location")).toBe(`${origin}/bff/login?returnTo=%2Fshop%2Fpage`);
  });

  it("rejections are responses of the Fetch API, too", async () => {
    const { gateway, origin } = await mount();
    const { host } = new URL(origin);
    const request = {
      ...{ method: "GET", url: "/own", httpVersionMajor: 1, httpVersionMinor: 1, complete: true },
      ...{ headers: { host, "x-csrf": "1", "sec-fetch-site": "same-origin" }, rawHeaders: ["Host", host] },
    } as unknown as IncomingMessage;
    const result = await gateway.session(request);
    if (result.kind !== "signed-out") throw new Error(result.kind);
    const response = rejectionResponse(result);
    expect([response.status, response.headers.get("www-authenticate")]).toEqual([401, 'Cloakroom realm="session"']);
    expect(await response.json()).toMatchObject({ code: "session_missing", loginUrl: "/bff/login" });
  });

  it("an own route rejects a request of the Fetch API, in which a repeated header cannot be seen", async () => {
    const { gateway, origin } = await mount();
    const request = new Request(origin) as unknown as IncomingMessage;
    await expect(gateway.session(request)).rejects.toThrow(/needs the request of node:http/);
  });

  it("an own route with invalid requirements throws, whatever the request is", async () => {
    const { gateway } = await mount();
    const request = { headers: {}, rawHeaders: [] } as unknown as IncomingMessage;
    await expect(gateway.session(request, { requiredRoles: "admin" as never })).rejects.toThrow(/must be a list/);
  });

  it.each([
    ["with the public origin", undefined, "session"],
    ["of another origin", "https://evil.example", "403"],
    ["without a session", undefined, "401"],
  ])("a WebSocket of the host %s: %s", async (_title, foreign, expected) => {
    const sockets = new WebSocketServer({ noServer: true });
    const { origin, server } = await mount((gateway) => {
      const created = gateway.createServer();
      created.on("upgrade", (request, socket, head) => {
        if (request.url !== "/live") return;
        void gateway.session(request).then((result) => {
          if (result.kind !== "session") return void socket.end(`HTTP/1.1 ${result.status} Rejected\r\n\r\n`);
          sockets.handleUpgrade(request, socket, head, (connected) => connected.send(result.kind));
        });
      });
      return created;
    });
    const browser = testBrowser(origin);
    if (expected !== "401") await browser.login();
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const { port } = server.address() as AddressInfo;
    const headers = { cookie, host: new URL(origin).host, origin: foreign ?? origin };
    const socket = new WebSocket(`ws://127.0.0.1:${port}/live`, { headers });
    const outcome = await new Promise((resolve) => {
      socket.on("message", (data) => resolve((data as Buffer).toString()));
      socket.on("unexpected-response", (_request, response) => resolve(String(response.statusCode)));
    });
    socket.on("error", () => undefined).terminate();
    expect(outcome).toBe(expected);
  });
});

describe("several gateways in one process", () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  it("several gateways in one process are independent: sessions, metrics, and the end of one", async () => {
    const one = await mount(ownRoute());
    const other = await mount(ownRoute(), { redis: { url: redis.url } });
    const [a, b] = [testBrowser(one.origin), testBrowser(other.origin)];
    await a.login();
    await b.login();
    const foreign = testBrowser(other.origin);
    for (const [name, value] of a.cookies) foreign.cookies.set(name, value);
    expect((await foreign.fetch("/own")).status).toBe(401);
    expect((await a.fetch("/own")).status).toBe(200);
    expect(await one.gateway.metrics()).toMatch(/cloakroom_logins_total\{[^}]*\} 1/);
    await one.gateway.close();
    const closed = await a.fetch("/api/x");
    expect([closed.status, closed.headers.get("retry-after")]).toEqual([503, "1"]);
    expect((await a.fetch("/own")).status).toBe(503);
    expect((await b.fetch("/own")).status).toBe(200);
    expect((await b.fetch("/api/x")).status).toBe(200);
  });

  it("a store that would lose sessions rejects createGateway", async () => {
    const full = await startRedis(["--maxmemory-policy", "allkeys-lru", "--maxmemory", "100mb"]);
    cleanups.push(() => full.stop());
    const config = testConfiguration("http://localhost:1", provider, { redis: { url: full.url } });
    await expect(createGateway({ config })).rejects.toThrow(ConfigError);
  });
});

describe("a mounted gateway", () => {
  it("a mounted gateway applies another configuration, or reports why not", async () => {
    const { gateway, origin } = await mount();
    const configuration = (more: Partial<Configuration>) => testConfiguration(origin, provider, more);
    expect(await gateway.apply({ config: configuration({ upstreams: [] }) })).toMatchObject({ kind: "applied" });
    expect((await testBrowser(origin).fetch("/api/x")).status).toBe(404);
    expect(await gateway.apply({ config: configuration({ drainSeconds: -1 }) })).toMatchObject({
      kind: "rejected",
      reasons: [expect.stringMatching(/^drainSeconds/)],
    });
    expect(await gateway.apply({ config: configuration({ drainSeconds: 7 }) })).toMatchObject({
      kind: "rejected",
      reasons: [expect.stringMatching(/drainSeconds has changed/)],
    });
  });

  it("a mounted gateway shows its readiness, and takes no requests once closed", async () => {
    const { gateway } = await mount();
    await expect.poll(async () => (await gateway.readiness()).takesRequests).toBe(true);
    await gateway.close();
    expect((await gateway.readiness()).takesRequests).toBe(false);
  });

  it("finishes requests in flight before it closes", async () => {
    const slow = await startUpstream((_request, response) => void setTimeout(() => response.end("done"), 300));
    cleanups.push(() => slow.stop());
    const { gateway, origin } = await mount(undefined, { upstreams: [{ prefix: "/slow", baseUrl: slow.origin }] });
    const browser = testBrowser(origin);
    await browser.login();
    const response = browser.fetch("/slow/x");
    await expect.poll(() => slow.arrived.length).toBe(1);
    await gateway.close();
    expect(await (await response).text()).toBe("done");
  });

  it("a mounted gateway rejects an invalid configuration with all faults", async () => {
    const error: unknown = await createGateway({ config: { origin: "shop", workers: 0 } }).catch(
      (each: unknown) => each,
    );
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).faults.length).toBeGreaterThan(3);
  });
});
