// Limits on size and time of the provider's responses on every path. A limit that is reached is logged as an outage
// (I5); it ends no session.
import { once } from "node:events";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createProviderFetch } from "../../src/provider/provider-fetch.ts";
import { OversizedResponseError } from "../../src/provider/provider-response.ts";
import { OVERSIZED } from "@cloakroom/testkit/compressed-bodies.ts";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { startHostileProvider, without, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";

describe("provider fetch", () => {
  let send: (response: ServerResponse) => void = () => undefined;
  let sentBytes = 0;
  const server = createServer((request, response) => {
    request.socket.once("close", () => (sentBytes = request.socket.bytesWritten));
    send(response);
  });
  let origin = "";
  beforeAll(async () => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  const fetchOnce = (timeoutMs = 10_000) =>
    createProviderFetch({ issuer: origin, internalUrl: undefined, timeoutMs })(`${origin}/x`, {});

  it.each(OVERSIZED)("provider fetch aborts $name at the limit", async ({ send: bomb }) => {
    send = bomb;
    sentBytes = 0;
    // The size of a body that is accepted: the report of a whole response would exhaust the memory of the test.
    const accepted = fetchOnce().then(async (response) => (await response.arrayBuffer()).byteLength);
    await expect(accepted).rejects.toThrow(OversizedResponseError);
    // Closed after at most the limit plus the socket buffers.
    await expect.poll(() => sentBytes).toBeGreaterThan(0);
    expect(sentBytes).toBeLessThan(16 * 1_048_576);
  });

  it("provider fetch accepts a response just below the limit, compressed or not", async () => {
    const body = Buffer.from(`"${"x".repeat(1_048_000)}"`);
    send = (response) => void response.end(body);
    expect((await (await fetchOnce()).arrayBuffer()).byteLength).toBe(body.length);
    send = (response) => void response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(body));
    expect((await (await fetchOnce()).arrayBuffer()).byteLength).toBe(body.length);
  });

  it("provider fetch requests no compression", async () => {
    send = (response) => void response.end(String(response.req.headers["accept-encoding"]));
    expect(await (await fetchOnce()).text()).toBe("identity");
  });

  const drip = (response: ServerResponse): void => {
    const timer = setInterval(() => response.write(" "), 20);
    response.once("close", () => clearInterval(timer));
  };
  it.each<[string, (response: ServerResponse) => void]>([
    ["a body that arrives slowly", drip],
    [
      "endless interim responses",
      (response) => {
        const timer = setInterval(() => response.writeProcessing(), 20);
        response.once("close", () => clearInterval(timer));
      },
    ],
    ["no response", () => undefined],
  ])("times out after OIDC_TIMEOUT_SECONDS: %s", async (_what, slow) => {
    send = slow;
    await expect(fetchOnce(500)).rejects.toMatchObject({ name: "TimeoutError" });
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ["one header of 64 kB", (response) => void response.writeHead(200, { "x-large": "x".repeat(65_536) }).end()],
    [
      "5,000 headers",
      (response) => {
        for (let n = 0; n < 5_000; n++) response.setHeader(`x-${n}`, "value");
        response.end();
      },
    ],
    [
      "a truncated body",
      (response) => void response.writeHead(200, { "content-length": "10" }).write("12", () => response.destroy()),
    ],
    [
      "an unknown Content-Encoding",
      (response) => void response.writeHead(200, { "content-encoding": "gzip" }).end("not gzip"),
    ],
  ])("fails on %s", async (_what, broken) => {
    send = broken;
    await expect(fetchOnce()).rejects.toThrow();
  });

  it("provider fetch follows no redirect", async () => {
    send = (response) => void response.writeHead(302, { location: "http://127.0.0.1:1/" }).end();
    expect((await fetchOnce()).status).toBe(302);
  });
});

describe("limits on every path with a response of the provider", () => {
  let provider: HostileProvider;
  let gateway: TestGateway;
  const admin = { KEYCLOAK_ADMIN_CLIENT_ID: "sessionadmin", KEYCLOAK_ADMIN_CLIENT_SECRET: "asecretofthetests" };
  const start = async (): Promise<TestGateway> => {
    const file = join(mkdtempSync(join(tmpdir(), "cloakroom-")), "upstreams.json");
    const baseUrl = `${provider.issuer.replace("/realms/demo", "")}/up`;
    const rows = [
      { prefix: "/api", baseUrl },
      { prefix: "/api/own", baseUrl, token: "client" },
      { prefix: "/api/exchanged", baseUrl, audience: "other" },
    ];
    writeFileSync(file, JSON.stringify(rows));
    return startGateway({ ...provider, env: { UPSTREAMS_FILE: file, ...admin } });
  };
  const metadata = (original: Record<string, unknown>) => ({
    ...original,
    pushed_authorization_request_endpoint: `${provider.issuer}/par`,
    revocation_endpoint: `${provider.issuer}/revoke`,
  });
  const bomb = OVERSIZED.find(({ name }) => name === "gzip of 64 MiB")!;
  const error = OVERSIZED.find(({ name }) => name === "2 MiB of an error")!;
  let bombed: string | undefined;
  let isError = false;
  let hits = 0;

  beforeAll(async () => {
    provider = await startHostileProvider({
      path: "/realms/demo",
      beside(request, response) {
        const { pathname } = new URL(request.url ?? "", "http://x");
        if (pathname.endsWith("/par"))
          return void response
            .writeHead(201, { "content-type": "application/json" })
            .end(JSON.stringify({ request_uri: "urn:ietf:params:oauth:request_uri:x", expires_in: 60 }));
        response.writeHead(pathname.startsWith("/admin") ? 204 : 200).end();
      },
    });
  });
  afterAll(() => provider.stop());
  afterEach(async () => {
    provider.overrides = {};
    bombed = undefined;
    isError = false;
    hits = 0;
    await gateway.stop();
  });
  const raw = (pathname: string, response: ServerResponse): boolean => {
    if (bombed === undefined || !(pathname === bombed || (bombed === "/admin" && pathname.startsWith("/admin"))))
      return false;
    hits++;
    (isError ? error : bomb).send(response);
    return true;
  };
  const loggedIn = async (token: Record<string, unknown> = {}): Promise<TestBrowser> => {
    provider.overrides = { metadata: without("none"), raw, token: (original) => ({ ...original, ...token }) };
    const browser = testBrowser(gateway.origin);
    expect((await browser.login()).status).toBe(303);
    provider.overrides = { raw };
    return browser;
  };
  const isLoggedIn = async (browser: TestBrowser) =>
    ((await (await browser.fetch("/bff/user")).json()) as { user: unknown }).user !== null;

  type Row = { path: string; endpoint: string; act: () => Promise<number | undefined>; status: number; logs?: RegExp };
  const api = (target: string) => async () => {
    const browser = await loggedIn();
    bombed = "/token";
    const { status } = await browser.fetch(target);
    expect(await isLoggedIn(browser)).toBe(true);
    return status;
  };
  const rows: Row[] = [
    {
      path: "discovery",
      endpoint: "/.well-known/openid-configuration",
      act: async () => (await testBrowser(gateway.origin).navigate("/bff/login")).status,
      status: 503,
    },
    {
      path: "pushed authorization request",
      endpoint: "/par",
      act: async () => {
        provider.overrides = { metadata, raw };
        return (await testBrowser(gateway.origin).navigate("/bff/login")).status;
      },
      status: 503,
    },
    {
      path: "keys",
      endpoint: "/jwks",
      act: async () => (await testBrowser(gateway.origin).login()).status,
      status: 503,
    },
    {
      path: "login",
      endpoint: "/token",
      act: async () => (await testBrowser(gateway.origin).login()).status,
      status: 503,
    },
    {
      path: "refresh",
      endpoint: "/token",
      act: async () => {
        bombed = undefined;
        const browser = await loggedIn({ expires_in: 0 });
        bombed = "/token";
        const { status } = await browser.fetch("/api/x");
        bombed = undefined;
        expect(await isLoggedIn(browser)).toBe(true);
        expect((await browser.fetch("/api/x")).status).toBe(200);
        return status;
      },
      status: 503,
    },
    {
      path: "client credentials",
      endpoint: "/token",
      act: async () => {
        bombed = undefined;
        return api("/api/own/x")();
      },
      status: 503,
    },
    {
      path: "token exchange",
      endpoint: "/token",
      act: async () => {
        bombed = undefined;
        return api("/api/exchanged/x")();
      },
      status: 503,
    },
    {
      path: "revocation: the logout is done all the same",
      endpoint: "/revoke",
      act: async () => {
        provider.overrides = {
          metadata: (original) => ({ ...original, revocation_endpoint: `${provider.issuer}/revoke` }),
          raw,
        };
        const browser = testBrowser(gateway.origin);
        expect((await browser.login()).status).toBe(303);
        const { status } = await browser.fetch("/bff/logout", {
          method: "POST",
          headers: { accept: "application/json" },
        });
        expect(await isLoggedIn(browser)).toBe(false);
        return status;
      },
      status: 200,
      logs: /refresh token revocation failed/,
    },
    {
      path: "Keycloak's Admin REST API",
      endpoint: "/admin",
      act: async () => {
        const browser = await loggedIn();
        return (await browser.fetch("/bff/sessions", { method: "DELETE", headers: { accept: "application/json" } }))
          .status;
      },
      status: 200,
      logs: /Admin REST API cannot be reached \(the provider's response exceeds/,
    },
  ];
  const cases = rows.flatMap((row) =>
    [false, true].map((asError): [string, Row, boolean] => [
      `${row.path}, ${asError ? "as an error" : "compressed"}`,
      row,
      asError,
    ]),
  );

  it.each(cases)("limits apply to: %s", async (_name, row, asError) => {
    gateway = await start();
    isError = asError;
    bombed = row.endpoint;
    provider.overrides = { raw };
    expect(await row.act()).toBe(row.status);
    expect(hits, gateway.log.join("")).toBeGreaterThan(0);
    expect(gateway.log.join("")).toMatch(row.logs ?? /the provider's response exceeds the limit of 1048576 bytes/);
  });
});

describe("the request_uri of a pushed authorization response (RFC 9126)", () => {
  it.each([
    [100, 303],
    [5_000, 503],
    [500_000, 503],
  ])("a request_uri of %s characters: the login is %s", async (length, status) => {
    const body = JSON.stringify({ request_uri: `urn:${"x".repeat(length)}`, expires_in: 60 });
    const provider = await startHostileProvider({
      beside: (_request, response) => void response.writeHead(201, { "content-type": "application/json" }).end(body),
    });
    const pushed_authorization_request_endpoint = `${provider.issuer}/par`;
    provider.overrides = { metadata: (original) => ({ ...original, pushed_authorization_request_endpoint }) };
    const gateway = await startGateway({ ...provider, env: { UPSTREAMS: "/api=http://127.0.0.1:1" } });
    const response = await testBrowser(gateway.origin).navigate("/bff/login");
    expect(response.status).toBe(status);
    expect(response.headers.get("location")?.includes("request_uri=urn") ?? false).toBe(status === 303);
    await gateway.stop();
    await provider.stop();
  });
});
