// The shipped Caddyfile in front of a real gateway: forwarded headers, limits, streaming, administration paths, logging.
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import { request, type RequestOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { startGateway, type GatewayProcess } from "@cloakroom/testing/gateway-process.ts";
import { findProgram } from "@cloakroom/testkit/programs.ts";
import { startTlsProxy, type TlsProxy } from "../rehearsal/tls.ts";

const caddy = findProgram("caddy");
if (caddy === undefined) console.log("The TLS tests are skipped: Caddy is missing (npm run setup).");

type ReceivedResponse = { status: number; headers: IncomingHttpHeaders; rawHeaders: string[]; body: string };

describe.skipIf(caddy === undefined)("the TLS proxy", () => {
  const folder = mkdtempSync(join(tmpdir(), "cloakroom-tls-"));
  const seen: IncomingHttpHeaders[] = [];
  /** A fake Keycloak that records the headers that it receives. */
  const keycloak = createServer(({ headers }, response) => {
    seen.push(headers);
    held = response;
    response.writeHead(200, { "content-type": "text/plain" });
    response.write("first");
    if (headers["x-hold"] === undefined) response.end();
  });
  let held: ServerResponse | undefined;
  let gateway: GatewayProcess;
  let proxy: TlsProxy;
  let publicOrigin: string;
  let keycloakOrigin: string;
  let ports: { http: number; health: number; gateway: number; keycloak: number };

  beforeAll(async () => {
    keycloak.listen(0, "127.0.0.1");
    await once(keycloak, "listening");
    const [port, managementPort, tls, http, health] = await Promise.all(Array.from({ length: 5 }, () => freePort()));
    publicOrigin = `https://app.localhost:${tls}`;
    keycloakOrigin = `https://id.localhost:${tls}`;
    writeFileSync(join(folder, "index.html"), "<!doctype html><title>app</title>");
    gateway = await startGateway({
      // Turns the readiness check into `/livez?/readyz`: without a provider the gateway is never ready.
      managementOrigin: `http://127.0.0.1:${managementPort}/livez?`,
      env: {
        PUBLIC_ORIGIN: publicOrigin,
        PORT: String(port),
        MANAGEMENT_PORT: String(managementPort),
        OIDC_ISSUER: `${keycloakOrigin}/realms/demo`,
        OIDC_INTERNAL_URL: "http://127.0.0.1:9",
        OIDC_CLIENT_ID: "cloakroom",
        OIDC_CLIENT_SECRET: "not-spent-in-these-tests",
        SECRET_KEYS: "3q2-7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs",
        TRUSTED_PROXIES: "127.0.0.1",
        SPA_ROOT: folder,
      },
    });
    const keycloakPort = (keycloak.address() as AddressInfo).port;
    ports = { http: http!, health: health!, gateway: port!, keycloak: keycloakPort };
    proxy = await startTlsProxy({ folder, publicOrigin, keycloakOrigin, ports });
  });
  afterAll(async () => {
    await proxy.stop();
    await gateway.stop();
    keycloak.closeAllConnections();
    keycloak.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const options = (url: string, headers: Record<string, string> = {}): RequestOptions => {
    const { host, hostname, port, pathname, search } = new URL(url);
    return {
      host: "127.0.0.1",
      port,
      servername: hostname,
      ca: proxy.authority,
      path: pathname + search,
      headers: { host, ...headers },
      agent: false,
    };
  };
  const send = (url: string, headers: Record<string, string> = {}): Promise<ReceivedResponse> =>
    new Promise((resolve, reject) => {
      const sent = request(options(url, headers), (response) => {
        let body = "";
        response.on("data", (chunk: Buffer) => (body += chunk.toString()));
        response.on("end", () => {
          const { statusCode: status = 0, headers: received, rawHeaders } = response;
          resolve({ status, headers: received, rawHeaders, body });
        });
      });
      sent.once("error", reject);
      sent.end();
    });

  it("the TLS proxy sends exactly one HSTS header, the gateway's or its own", async () => {
    for (const url of [`${publicOrigin}/`, `${publicOrigin}/bff/user`, `${keycloakOrigin}/realms/demo`]) {
      const { rawHeaders } = await send(url);
      const found = rawHeaders.filter((name) => name.toLowerCase() === "strict-transport-security");
      expect([url, found.length]).toEqual([url, 1]);
    }
  });

  it("the TLS proxy removes or overwrites all forwarding headers of a browser", async () => {
    await send(`${keycloakOrigin}/forged`, {
      "X-Forwarded-For": "203.0.113.9",
      "X-Forwarded-Proto": "http",
      "X-Forwarded-Host": "evil.example",
      "X-Forwarded-Port": "1",
      "X-Forwarded-Prefix": "/evil",
      "X-Forwarded-Server": "evil",
      "X-Real-IP": "203.0.113.9",
      Forwarded: "for=203.0.113.9",
    });
    const arrived = seen.at(-1)!;
    expect(arrived["x-forwarded-for"]).toBe("127.0.0.1");
    expect(arrived["x-forwarded-proto"]).toBe("https");
    expect(arrived["x-forwarded-host"]).toBe(new URL(keycloakOrigin).host);
    expect(JSON.stringify(arrived)).not.toMatch(/evil|203\.0\.113/);
  });

  it("the TLS proxy forwards headers of 8 kB and responds with 431 to headers of 40 kB", async () => {
    const sized = async (bytes: number) => (await send(`${publicOrigin}/`, { "X-Large": "x".repeat(bytes) })).status;
    expect(await sized(8_000)).toBe(200);
    expect(await sized(40_000)).toBe(431);
  });

  it("the TLS proxy does not compress responses", async () => {
    const { headers } = await send(`${keycloakOrigin}/realms/demo`, { "Accept-Encoding": "gzip, br" });
    expect(headers["content-encoding"]).toBeUndefined();
  });

  it("the TLS proxy streams response bodies and closes the upstream request when the browser disconnects", async () => {
    const sent = request(options(`${keycloakOrigin}/stream?code=secret-code`, { "x-hold": "1" }));
    sent.on("error", () => undefined);
    sent.end();
    const [response] = (await once(sent, "response")) as [NodeJS.ReadableStream];
    response.on("error", () => undefined);
    const [first] = (await once(response, "data")) as [Buffer];
    expect(first.toString()).toBe("first");
    const ended = once(held!, "close");
    sent.destroy();
    await ended;
  });

  describe("Keycloak's administration", () => {
    /** Sends the path as written, without URL normalization. */
    const statusOf = (path: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const sent = request({ ...options(keycloakOrigin), path }, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        });
        sent.once("error", reject);
        sent.end();
      });
    const PATHS = [
      ...[
        "/admin",
        "/admin/",
        "/admin/master/console/",
        "/ADMIN/",
        "//admin/",
        "/%61dmin/",
        "/x/../admin/",
        "/./admin/",
      ],
      ...[
        "/admin?x=1",
        "/realms/master",
        "/realms/master/protocol/openid-connect/token",
        "/realms//master/",
        "/Realms/Master",
      ],
      "/realms/%6daster/account",
    ];
    const isForwarded = async (path: string): Promise<boolean> => {
      const before = seen.length;
      const status = await statusOf(path);
      return seen.length > before || status !== 404;
    };
    const restart = async (env: Record<string, string>) => {
      await proxy.stop();
      proxy = await startTlsProxy({ folder, publicOrigin, keycloakOrigin, ports, env });
    };

    it.each(PATHS)("Keycloak's administration is not forwarded by default, also from loopback: %s", async (path) =>
      expect(await isForwarded(path)).toBe(false),
    );

    it.each(["/realms/demo", "/realms/demo/account/", "/resources/admin/x.js", "/realms/mastery"])(
      "the TLS proxy forwards other paths than Keycloak's administration: %s",
      async (path) => expect(await isForwarded(path)).toBe(true),
    );

    it.each<[string, Record<string, string>, boolean]>([
      ["is forwarded for an address in ADMIN_NETWORKS", { ADMIN_NETWORKS: "127.0.0.1/32" }, true],
      ["is forwarded for the second of two networks", { ADMIN_NETWORKS: "198.51.100.0/24 127.0.0.0/8" }, true],
      ["is not forwarded for another address", { ADMIN_NETWORKS: "198.51.100.0/24" }, false],
      [
        "is not forwarded for the bridge network, whose address can be any client's",
        { ADMIN_NETWORKS: "private_ranges", BRIDGE_NETWORK: "127.0.0.0/8" },
        false,
      ],
    ])("Keycloak's administration %s", async (_claim, env, expected) => {
      await restart(env);
      expect(await isForwarded("/admin/master/console/")).toBe(expected);
      await restart({});
    });
  });

  it("the TLS proxy responds with 503 and Retry-After if the gateway is down, and logs no code or cookie", async () => {
    await gateway.stop();
    const { status, headers } = await send(`${publicOrigin}/bff/callback?code=secret-code`, {
      cookie: "secret=cookie",
    });
    expect(status).toBe(503);
    expect(headers).toMatchObject({ "retry-after": "5", "cache-control": "no-store" });
    expect(headers["set-cookie"]).toBeUndefined();
    expect(proxy.output()).not.toMatch(/secret-code|secret=cookie/);
  });
});
