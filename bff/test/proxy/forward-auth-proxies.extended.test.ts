// Forward-auth with real nginx, Caddy, Envoy and Traefik, configured as documented: what they forward is what was decided.
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { WebSocketServer } from "ws";
import { freePort } from "@cloakroom/testing/free-port.ts";
import type { TestBrowser } from "@cloakroom/testkit/browser.ts";
import { findProgram } from "@cloakroom/testkit/programs.ts";
import { startTestSystem, type TestSystem } from "@cloakroom/testkit/system.ts";
import { openSocket } from "@cloakroom/testkit/web-socket-client.ts";
import { AMBIGUOUS_TARGETS, PLAIN_TARGETS } from "./forward-auth-targets.ts";
import { sendRaw, type RawResponse } from "./gateway.ts";
import { startRealProxy, type ProxyName, type RealProxy } from "./real-proxies.ts";

const PROGRAMS = {
  nginx: findProgram("nginx"),
  caddy: findProgram("currentCaddy"),
  envoy: findProgram("envoy"),
  traefik: findProgram("traefik"),
};

const titleOf = (name: ProxyName): string =>
  `${name} with forward-auth${PROGRAMS[name] === undefined ? ", skipped because it is missing" : ""}`;

type Received = {
  method: string;
  url: string;
  headers: IncomingMessage["headers"];
  rawHeaders: string[];
  bytes: number;
};

const MEGABYTE = 1_048_576;

/** An API that records its requests, sends `?bytes=` and accepts WebSockets. */
async function startApi() {
  const received: Received[] = [];
  const server: Server = createServer((request, response) => {
    const { method = "", url = "", headers, rawHeaders } = request;
    const entry = { method, url, headers, rawHeaders, bytes: 0 };
    request.on("data", (chunk: Buffer) => (entry.bytes += chunk.length));
    request.on("end", () => {
      received.push(entry);
      const bytes = Number(new URL(url, "http://api").searchParams.get("bytes") ?? 0);
      response.writeHead(200, { "Content-Type": "text/plain", "Set-Cookie": "of-the-api=1" });
      for (let sent = 0; sent < bytes; sent += MEGABYTE) response.write(Buffer.alloc(MEGABYTE, "x"));
      response.end(bytes === 0 ? "the API" : undefined);
    });
  });
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket, request) => {
    const { method = "", url = "", headers, rawHeaders } = request;
    received.push({ method, url, headers, rawHeaders, bytes: 0 });
    socket.on("message", (message, isBinary) => socket.send(message, { binary: isBinary }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const stop = (): void => {
    sockets.close();
    server.closeAllConnections();
    server.close();
  };
  return { received, port: (server.address() as AddressInfo).port, stop };
}

const HEADERS = { "X-User-Email": "set by the row" };
const IDENTITY = { "X-User-Email": "email", "X-User-Id": "sub", "X-Absent": "no_such_claim" };
const ROWS = [
  { prefix: "/api", headers: HEADERS, webSocket: true },
  { prefix: "/api/open", access: "optional" },
  { prefix: "/api/hooks", access: "public" },
  { prefix: "/api/admin", requiredRoles: ["admin"], methods: ["GET"] },
  { prefix: "/api/pages", csrf: "same-origin" },
  { prefix: "/api/files", encodedSlashes: true },
  { prefix: "/api/who", access: "optional", csrf: "fetch-metadata", identityHeaders: IDENTITY },
  { prefix: "/api/few", access: "public", rateLimit: { perAddress: { requests: 2, seconds: 600 } } },
];

type Case = {
  name: ProxyName;
  system: TestSystem;
  proxy: RealProxy;
  api: Awaited<ReturnType<typeof startApi>>;
  browser: TestBrowser;
};

async function startCase(name: ProxyName, program: string): Promise<Case> {
  const api = await startApi();
  const [own, forwardAuth] = [await freePort(), await freePort()];
  const origin = `http://localhost:${own}`;
  const system = await startTestSystem({
    env: {
      PUBLIC_ORIGIN: origin,
      FORWARD_AUTH_LISTEN: `127.0.0.1:${forwardAuth}`,
      FORWARD_AUTH_PROXY: name,
      TRUSTED_PROXIES: "127.0.0.1",
    },
    upstreams: () => ROWS.map((row) => ({ ...row, baseUrl: `http://127.0.0.1:${api.port}${row.prefix}` })),
  });
  const gateway = Number(new URL(system.gateway.origin).port);
  const proxy = await startRealProxy(name, program, {
    ...{ own, gateway, forwardAuth, api: api.port },
    headers: ["X-User-Id", "X-Absent"],
  });
  const browser = system.browser("alice");
  browser.useInstance(origin);
  await browser.login();
  return { name, system, proxy, api, browser };
}

const FETCH = ["X-CSRF: 1", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"];
const NAVIGATION = ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"];

for (const [name, program] of Object.entries(PROGRAMS) as [ProxyName, string | undefined][])
  describe.skipIf(program === undefined)(titleOf(name), () => {
    let current: Case;
    beforeAll(async () => void (current = await startCase(name, program!)), 60_000);
    afterAll(async () => {
      await current.proxy.stop();
      await current.system.stop();
      current.api.stop();
    });
    beforeEach(() => void (current.api.received.length = 0));

    const cookie = () => `Cookie: ${[...current.browser.cookies].map((pair) => pair.join("=")).join("; ")}`;
    /** Sends exactly this target and these headers. */
    const send = (
      target: string,
      headers: readonly string[],
      { method = "GET", body = "" } = {},
    ): Promise<RawResponse> => {
      const { host, port } = new URL(current.proxy.origin);
      const head = [`${method} ${target} HTTP/1.1`, `Host: ${host}`, ...headers];
      if (body !== "") head.push(`Content-Length: ${body.length}`);
      return sendRaw(Number(port), `${head.join("\r\n")}\r\n\r\n${body}`);
    };
    const last = () => current.api.received.at(-1);
    const header = (response: RawResponse, wanted: string) => response.headers.get(wanted)?.[0];
    const decided = () =>
      current.system.gateway.log
        .map((line) => JSON.parse(line) as { msg?: string; path?: string; status?: number; upstream?: string })
        .filter(({ msg, upstream }) => msg === "request" && upstream !== undefined);

    it("login, /bff and the app go to the gateway", async () => {
      const user = (await (await current.browser.fetch("/bff/user")).json()) as { user: { sub: string } };
      expect(user.user.sub).toBe(current.system.provider.user("alice")!.sub);
      expect((await current.browser.navigate("/somewhere")).status).toBe(404);
      expect(current.api.received).toEqual([]);
    });

    it("the API gets the bearer, the request id and the configured headers, and no cookie", async () => {
      const response = await send("/api/orders?a=1&b=%20", [...FETCH, cookie()]);
      expect(response.status).toBe(200);
      expect(last()).toMatchObject({ method: "GET", url: "/api/orders?a=1&b=%20" });
      const { headers } = last()!;
      expect(headers.authorization).toMatch(/^Bearer \S+$/);
      expect(headers["x-request-id"]).toMatch(/^[\da-f-]{36}$/);
      expect(headers["x-user-email"]).toBe("set by the row");
      expect(headers.cookie).toBeUndefined();
      expect(headers["x-forwarded-host"]).toBe(new URL(current.proxy.origin).host);
      expect(response.headers.get("set-cookie")).toBeUndefined();
      expect(response.headers.get("authorization")).toBeUndefined();
    });

    it("a fetch without a session gets a 401 problem with the login URL", async () => {
      const response = await send("/api/orders", FETCH);
      expect(response.status).toBe(401);
      expect(header(response, "content-type")).toMatch(/^application\/problem\+json/);
      expect(header(response, "cache-control")).toBe("no-store");
      expect(JSON.parse(response.body)).toMatchObject({ code: "session_missing", loginUrl: "/bff/login" });
    });

    it("a navigation without a session leads to the login, and back", async () => {
      const response = await send("/api/pages/x?a=1&b=2", NAVIGATION);
      expect(response.status).toBe(303);
      const location = new URL(header(response, "location") ?? "");
      expect(location.origin).toBe(current.proxy.origin);
      const browser = current.system.browser("admin");
      browser.useInstance(current.proxy.origin);
      const callback = await browser.login(location.search);
      expect(callback.headers.get("location")).toBe(`${current.proxy.origin}/api/pages/x?a=1&b=2`);
      expect((await browser.navigate("/api/pages/x?a=1&b=2")).status).toBe(200);
    });

    it.each<[title: string, target: string, headers: string[], status: number, method?: string]>([
      ["a fetch of another site", "/api/x", ["X-CSRF: 1", "Sec-Fetch-Site: cross-site"], 403],
      ["a fetch without X-CSRF", "/api/x", ["Sec-Fetch-Site: same-origin"], 403],
      ["a missing role", "/api/admin/x", FETCH, 403],
      ["a method that the row does not allow", "/api/admin/x", FETCH, 405, "DELETE"],
      ["a duplicate session cookie", "/api/x", [...FETCH, `Cookie: __Host-Http-session=${"A".repeat(43)}`], 400],
    ])("%s is rejected with its own status", async (...[, target, headers, status, method = "GET"]) => {
      const response = await send(target, [...headers, cookie()], { method });
      expect(response.status).toBe(status);
      expect(JSON.parse(response.body)).toMatchObject({ status });
      if (status === 405) expect(header(response, "allow")).toBe("GET");
      expect(current.api.received).toEqual([]);
    });

    it("a form post of the app's own page and its body reach the API", async () => {
      const response = await send("/api/pages/form", [...NAVIGATION, cookie()], { method: "POST", body: "a=1" });
      expect(response.status).toBe(200);
      expect(last()).toMatchObject({ method: "POST", bytes: 3 });
    });

    it.each([
      ["a public row", "/api/hooks/x"],
      ["an optional row without a session", "/api/open/x"],
    ])("GHSA-7r4p-vjf4-gxv4: no identity of the browser survives on %s", async (_title, target) => {
      const forged = ["Authorization: Bearer forged", "X-User-Email: root@test", "X-Request-Id: forged", "Cookie: a=b"];
      expect((await send(target, [...FETCH, ...forged])).status).toBe(200);
      const { headers } = last()!;
      for (const gone of ["authorization", "x-user-email", "cookie"]) expect(headers[gone] ?? "").toBe("");
      expect(headers["x-request-id"]).toMatch(/^[\da-f-]{36}$/);
    });

    it("a browser's copies of headers that a decision sets are replaced", async () => {
      const forged = ["Authorization: Bearer forged", "X-User-Email: root@test", "authorization: Basic Zm9yZ2Vk"];
      const response = await send("/api/x", [...FETCH, ...forged, cookie()]);
      if (response.status !== 200) return expect(response.status).toBe(400); // nginx rejects two Authorization headers.
      expect(JSON.stringify(last()!.rawHeaders)).not.toMatch(/forged|root@test|Zm9yZ2Vk/);
      expect(last()!.headers.authorization).toMatch(/^Bearer ey/);
    });

    it.each(["X_User_Email", "X.User.Email", "x-user_email", "Remote_User"])(
      "GHSA-f59h-q822-g45g: %s does not reach the API",
      async (spelling) => {
        const response = await send("/api/x", [...FETCH, `${spelling}: root@test`, cookie()]);
        expect([200, 400]).toContain(response.status);
        expect(JSON.stringify(current.api.received)).not.toContain("root@test");
      },
    );

    it.each([
      [
        "CVE-2024-45410: the describing headers",
        "X-Original-URI, X-Original-Method, X-Forwarded-Uri, X-Forwarded-Method, X-Forwarded-Host",
      ],
      ["the headers of the decision", "Authorization, X-User-Email, X-Request-Id"],
      ["the cookie and the CSRF header", "Cookie, X-CSRF, Sec-Fetch-Site"],
    ])("Connection cannot remove %s", async (_title, names) => {
      const response = await send("/api/x", [...FETCH, `Connection: close, ${names}`, cookie()]);
      if (response.status === 200) {
        expect(last()!.headers.authorization).toMatch(/^Bearer ey/);
        expect(last()!.headers["x-user-email"]).toBe("set by the row");
      } else expect([400, 401, 403]).toContain(response.status);
      expect((await send("/api/x", [...FETCH, `Connection: close, ${names}`])).status).not.toBe(200);
    });

    it.each([
      "X-Forwarded-Uri: /api/hooks/x",
      "X-Forwarded-Method: GET",
      "X-Forwarded-Host: evil.test",
      "X-Forwarded-For: 10.0.0.1",
      "X-Forwarded-Prefix: /api/hooks",
      "X-Original-URI: /api/hooks/x",
      "X-Original-Method: GET",
      "X-Original-Host: evil.test",
      "X-Original-For: 10.0.0.1",
      "X-Original-URL: /api/hooks/x",
      "X-Rewrite-URL: /api/hooks/x",
      "X-HTTP-Method-Override: GET",
      "X-Auth-Status: 200",
      "User-Agent: GoogleHC/1.0",
    ])("GHSA-7x63-xv5r-3p2x, GHSA-5hvv-m4w4-gf6v: %s changes no decision and does not reach the API", async (line) => {
      expect((await send("/api/x", [...FETCH, line])).status).toBe(401);
      expect((await send("/api/admin/x", [...FETCH, line, cookie()], { method: "DELETE" })).status).toBe(405);
      expect(current.api.received).toEqual([]);
      expect((await send("/api/x", [...FETCH, line, cookie()])).status).toBe(200);
      const [wanted = "", value = ""] = line.split(": ");
      if (/^X-(?!Auth)/.test(wanted)) expect(last()!.headers[wanted.toLowerCase()] ?? "").not.toContain(value);
    });

    it.each(AMBIGUOUS_TARGETS)("I6: a target with %s never reaches the API", async (title, target) => {
      const response = await send(target, [...FETCH, cookie()]);
      // Traefik decodes unreserved characters before it asks and forwards.
      if (name === "traefik" && title === "an escaped letter") return expect(last()?.url).toBe(decided().at(-1)?.path);
      expect(current.api.received).toEqual([]);
      expect(response.status === 303 || response.status >= 400).toBe(true);
    });

    it.each(PLAIN_TARGETS)("I6: %s is forwarded as it was decided", async (target) => {
      expect((await send(target, [...FETCH, cookie()])).status).toBe(200);
      // Traefik forwards `;` in a query as `&`.
      expect(last()!.url).toBe(name === "traefik" ? target.replace(/(?<=\?.*);/g, "&") : target);
      expect(decided().at(-1)).toMatchObject({ path: target.split("?")[0], status: 200 });
    });

    it("a WebSocket of the app passes, others are rejected", async () => {
      const { host, port } = new URL(current.proxy.origin);
      const at = { port: Number(port), host };
      const headers = { Cookie: cookie().slice("Cookie: ".length) };
      const { socket, next } = await openSocket(at, "/api/ws", { headers });
      socket.send("hello");
      expect((await next()).toString()).toBe("hello");
      expect(last()!.headers.authorization).toMatch(/^Bearer ey/);
      expect(last()!.headers.cookie).toBeUndefined();
      socket.close();
      await expect(openSocket(at, "/api/ws")).rejects.toThrow("401");
      await expect(openSocket(at, "/api/ws", { headers: { ...headers, Origin: "https://evil.test" } })).rejects.toThrow(
        "403",
      );
      await expect(openSocket(at, "/api/open/ws", { headers })).rejects.toThrow("400");
    });

    it("a navigation of another site gets the refresh page with its policy and marker", async () => {
      const foreign = NAVIGATION.map((line) => line.replace("same-origin", "cross-site"));
      const response = await send("/api/pages/x?a=1", foreign);
      expect(response.status).toBe(401);
      expect(header(response, "content-type")).toBe("text/html; charset=utf-8");
      expect(header(response, "content-security-policy")).toContain("script-src 'sha256-");
      expect(response.body).toContain("/api/pages/x?a=1");
      expect(header(response, "set-cookie")).toMatch(/^__Host-Http-navigation=refreshed\./);
      expect(current.api.received).toEqual([]);
    });

    it("the redirect after a login, without the Strict cookie, leads to the page and not to another login", async () => {
      const target = "/api/pages/after?a=1&b=2";
      const browser = current.system.browser("admin");
      browser.useInstance(current.proxy.origin);
      const callback = await browser.login(`?returnTo=${encodeURIComponent(target)}`);
      expect(callback.headers.get("location")).toBe(`${current.proxy.origin}${target}`);
      const pairs = new Map(browser.cookies);
      const line = () => `Cookie: ${[...pairs].map((pair) => pair.join("=")).join("; ")}`;
      const session = pairs.get("__Host-Http-session")!;
      pairs.delete("__Host-Http-session");
      // The navigation that began at the provider.
      const crossSite = NAVIGATION.map((each) => each.replace("same-origin", "cross-site"));
      const first = await send(target, [...crossSite, line()]);
      expect([first.status, header(first, "location")]).toEqual([401, undefined]);
      expect(first.body).toContain("location.replace(u)");
      const [name = "", value = ""] = header(first, "set-cookie")!.split(";")[0]!.split("=");
      pairs.set(name, value);
      // A login that left no session is not repeated.
      const lost = await send(target, [...NAVIGATION, line()]);
      expect([lost.status, header(lost, "location")]).toEqual([401, undefined]);
      expect(current.api.received).toEqual([]);
      pairs.set("__Host-Http-session", session);
      expect((await send(target, [...NAVIGATION, line()])).status).toBe(200);
      expect(last()!.url).toBe(target);
    });

    it("a long target gets the refresh page as well", async () => {
      const crossSite = NAVIGATION.map((each) => each.replace("same-origin", "cross-site"));
      const response = await send(`/api/pages/x?${"&a".repeat(3_500)}`, crossSite);
      expect(response.status).toBe(401);
      expect(response.body).toContain("location.replace(u)");
    });

    it("identity headers are those of the user, empty or absent for an absent claim", async () => {
      expect((await send("/api/who/x", [...FETCH, cookie()])).status).toBe(200);
      const { headers } = last()!;
      expect(headers["x-user-id"]).toBe(current.system.provider.user("alice")!.sub);
      expect(headers["x-user-email"]).toMatch(/^alice@/);
      expect(headers["x-absent"] ?? "").toBe("");
      await send("/api/open/x", [...FETCH, cookie()]);
      for (const name of ["x-user-id", "x-user-email", "x-absent"]) expect(last()!.headers[name] ?? "").toBe("");
    });

    const SPELLINGS = ["X-User-Id", "x-user-id", "X-ABSENT", "X_User_Id", "X-User_Email", "x.user.id", "X_Absent"];
    it.each(
      SPELLINGS.flatMap(
        (name) =>
          [
            [name, "a user"],
            [name, "no user"],
          ] as const,
      ),
    )("an identity header %s of the browser never reaches the API with %s", async (name, user) => {
      const session = user === "a user" ? [cookie()] : [];
      for (const target of ["/api/who/x", "/api/open/x", "/api/hooks/x"]) {
        const forged = [`${name}: forged`, `${name}: forged, too`];
        const response = await send(target, [...FETCH, ...forged, ...session]);
        expect([200, 400]).toContain(response.status);
        if (/^[\w-]+$/.test(name) && !name.includes("_")) expect(response.status).toBe(200);
      }
      expect(JSON.stringify(current.api.received)).not.toContain("forged");
    });

    it("the rate limit of a row is a 429 with Retry-After and RateLimit headers", async () => {
      const responses: RawResponse[] = [];
      for (let count = 0; count < 3; count++) responses.push(await send("/api/few/x", []));
      expect(responses.map(({ status }) => status)).toEqual([200, 200, 429]);
      const limited = responses[2]!;
      expect(header(limited, "content-type")).toMatch(/^application\/problem\+json/);
      expect(JSON.parse(limited.body)).toMatchObject({ status: 429, code: "rate_limit_exceeded" });
      expect(Number(header(limited, "retry-after"))).toBeGreaterThan(500);
      expect(header(limited, "ratelimit-policy")).toBe('"per-address";q=2;w=600');
      expect(header(limited, "ratelimit")).toMatch(/^"per-address";r=0;t=\d+$/);
      // Caddy passes no header of an allow to the browser.
      if (name === "nginx") expect(header(responses[0]!, "ratelimit")).toMatch(/^"per-address";r=1;t=\d+$/);
      expect(current.api.received).toHaveLength(2);
    });

    it("another protocol is not upgraded", async () => {
      await send("/api/x", [
        ...FETCH,
        cookie(),
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABkAAQAAP__",
      ]);
      expect(current.api.received.filter(({ headers }) => headers.upgrade !== undefined)).toEqual([]);
    });

    it("100 MB in both directions pass, and not through the gateway", async () => {
      const headers = { "x-csrf": "1", "sec-fetch-site": "same-origin", cookie: cookie().slice(8) };
      const down = await fetch(`${current.proxy.origin}/api/large?bytes=${100 * MEGABYTE}`, { headers });
      let bytes = 0;
      for await (const chunk of down.body!) bytes += (chunk as Uint8Array).length;
      expect(bytes).toBe(100 * MEGABYTE);
      const body = Buffer.alloc(100 * MEGABYTE, "y");
      const up = await fetch(`${current.proxy.origin}/api/upload`, { method: "POST", headers, body });
      expect(up.status).toBe(200);
      expect(last()!.bytes).toBe(100 * MEGABYTE);
    }, 60_000);

    it("I2: a logout applies to the next request", async () => {
      const browser = current.system.browser("admin");
      browser.useInstance(current.proxy.origin);
      await browser.login();
      const kept = new Map(browser.cookies);
      expect((await browser.fetch("/api/x")).status).toBe(200);
      await browser.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });
      for (const [each, value] of kept) browser.cookies.set(each, value);
      expect((await browser.fetch("/api/x")).status).toBe(401);
    });

    it("I5: while Redis is unavailable a request gets a 503 with Retry-After, and the session stays", async () => {
      await current.system.redis.kill();
      try {
        await expect.poll(async () => (await send("/api/x", [...FETCH, cookie()])).status).toBe(503);
        for (const headers of [FETCH, NAVIGATION]) {
          const response = await send("/api/pages/x", [...headers, cookie()]);
          expect(response.status).toBe(503);
          expect(Number(header(response, "retry-after"))).toBeGreaterThan(0);
          // Envoy responds itself to a failed decision.
          const code = name === "envoy" ? "forward_auth_unavailable" : "store_unavailable";
          expect(JSON.parse(response.body)).toMatchObject({ code });
          expect(response.headers.get("set-cookie")).toBeUndefined();
        }
      } finally {
        await current.system.redis.start();
      }
      await expect.poll(async () => (await send("/api/x", [...FETCH, cookie()])).status).toBe(200);
    });

    it("I5: without the gateway a request is rejected with a status that ends no session", async () => {
      await current.system.gateway.stop();
      for (const headers of [FETCH, NAVIGATION]) {
        const response = await send("/api/pages/x", [...headers, cookie()]);
        // Traefik has no setting for it.
        expect(response.status).toBe(name === "traefik" ? 500 : 503);
        if (name !== "traefik") expect(Number(header(response, "retry-after"))).toBeGreaterThan(0);
      }
      expect(current.api.received).toEqual([]);
    });
  });
