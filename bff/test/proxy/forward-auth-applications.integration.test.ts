// Forward-auth for several applications in one process: one listener, the described host selects the application (I9).
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApplicationSystem, type ApplicationSystem } from "@cloakroom/testkit/application-system.ts";
import { callForwardAuth, type CallResponse } from "@cloakroom/testkit/forward-auth-calls.ts";
import { FORWARD_AUTH_PROXIES, type ForwardAuthProxy } from "../../src/config/forward-auth-settings.ts";
import { createForwardAuthServer } from "../../src/proxy/forward-auth/forward-auth-server.ts";

const API = "http://127.0.0.1:1";
/** The header in which each proxy describes the host; Envoy sends it as Host. */
const DESCRIBING: Readonly<Record<ForwardAuthProxy, readonly string[]>> = {
  nginx: ["X-Original-Host"],
  traefik: ["X-Forwarded-Host"],
  caddy: ["X-Forwarded-Host"],
  envoy: [],
};

const servers = new Map<ForwardAuthProxy, Server>();
const cookies = new Map<string, string>();
let system: ApplicationSystem;

beforeAll(async () => {
  system = await startApplicationSystem([
    { id: "shop", env: { UPSTREAMS: `/api=${API}/shop` } },
    { id: "desk", env: { UPSTREAMS: `/api=${API}/desk, /desk=${API}` } },
  ]);
  const user = await system.newUser();
  for (const id of ["shop", "desk"]) {
    const browser = await system.login(id, user);
    cookies.set(id, `__Host-Http-session=${browser.cookies.get("__Host-Http-session")}`);
  }
  const { config, log } = system.gateway.applications()[0]!;
  for (const proxy of FORWARD_AUTH_PROXIES) {
    const server = createForwardAuthServer({
      config: { proxy, listen: { kind: "tcp", host: "127.0.0.1", port: 0, isNetwork: false } },
      trustedProxies: config.trustedProxies,
      applicationOf: system.gateway.servicesOf,
      log,
    });
    servers.set(proxy, server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  }
});
afterAll(async () => {
  for (const server of servers.values()) {
    server.closeAllConnections();
    server.close();
  }
  await system.stop();
});

const FETCH: readonly (readonly [string, string])[] = [
  ["X-CSRF", "1"],
  ["Sec-Fetch-Site", "same-origin"],
  ["Sec-Fetch-Mode", "cors"],
  ["Sec-Fetch-Dest", "empty"],
];
const hostOf = (id: string) => new URL(system.publicOriginOf(id)).host;

type Sent = { host: string; cookieOf?: string; target?: string; headers?: readonly (readonly [string, string])[] };

function call(
  proxy: ForwardAuthProxy,
  { host, cookieOf, target = "/api/x", headers = [] }: Sent,
): Promise<CallResponse> {
  const { port } = servers.get(proxy)!.address() as AddressInfo;
  const cookie = cookieOf === undefined ? [] : [["Cookie", cookies.get(cookieOf)!] as const];
  return callForwardAuth(`http://127.0.0.1:${port}`, proxy, {
    target,
    host,
    headers: [...FETCH, ...cookie, ...headers],
  });
}
const statusOf = ({ status, headers }: CallResponse) => Number(headers["x-auth-status"] ?? status);

describe.each(FORWARD_AUTH_PROXIES)("one listener of two applications for %s", (proxy) => {
  it.each([
    ["shop", "shop", 200],
    ["desk", "desk", 200],
    ["shop", "desk", 401],
    ["desk", "shop", 401],
  ])("I9: the host of %s with the session of %s is %i", async (host, cookieOf, status) => {
    for (let count = 0; count < 2; count++) {
      const response = await call(proxy, { host: hostOf(host), cookieOf });
      expect(statusOf(response)).toBe(status);
      expect(response.headers.authorization === undefined).toBe(status !== 200);
    }
  });

  it("each application has its own token", async () => {
    const [a, b] = [
      await call(proxy, { host: hostOf("shop"), cookieOf: "shop" }),
      await call(proxy, { host: hostOf("desk"), cookieOf: "desk" }),
    ];
    expect(a.headers.authorization).toMatch(/^Bearer \S+$/);
    expect(a.headers.authorization).not.toBe(b.headers.authorization);
  });

  it("the rows are those of the application", async () => {
    expect(statusOf(await call(proxy, { host: hostOf("desk"), cookieOf: "desk", target: "/desk/x" }))).toBe(200);
    expect(statusOf(await call(proxy, { host: hostOf("shop"), cookieOf: "shop", target: "/desk/x" }))).toBe(404);
  });

  it("the host is the one that the proxy describes, not one of other headers", async () => {
    const others = ["X-Forwarded-Host", "X-Original-Host", "Forwarded", "X-Host"]
      .filter((name) => !DESCRIBING[proxy].includes(name))
      .map((name) => [name, name === "Forwarded" ? `host=${hostOf("desk")}` : hostOf("desk")] as const);
    expect(statusOf(await call(proxy, { host: hostOf("shop"), cookieOf: "desk", headers: others }))).toBe(401);
    expect(statusOf(await call(proxy, { host: hostOf("shop"), cookieOf: "shop", headers: others }))).toBe(200);
  });

  it.each([
    ["of no application", () => "unknown.test"],
    ["of an application with another port", () => "127.0.0.2:1"],
    ["that is a list", () => `${hostOf("desk")}, ${hostOf("shop")}`],
    ["that begins with an application's", () => hostOf("desk").replace(":", ".test:")],
    ["that ends with a dot", () => hostOf("desk").replace(":", ".:")],
  ])("a host %s is 421", async (_what, host) => {
    const response = await call(proxy, { host: host(), cookieOf: "desk" });
    expect(statusOf(response)).toBe(421);
    expect(JSON.parse(response.body)).toMatchObject({ status: 421, code: "request_malformed" });
    expect(response.headers.authorization).toBeUndefined();
  });

  it("a navigation without a session leads to the login of its application", async () => {
    const { port } = servers.get(proxy)!.address() as AddressInfo;
    const headers = [
      ["Sec-Fetch-Site", "same-origin"],
      ["Sec-Fetch-Mode", "navigate"],
      ["Sec-Fetch-Dest", "document"],
    ] as const;
    const described = { target: "/desk/x", host: hostOf("desk"), headers: [...headers, ["X-CSRF", "1"] as const] };
    const response = await callForwardAuth(`http://127.0.0.1:${port}`, proxy, described);
    expect(statusOf(response)).toBe(303);
    expect(response.headers.location).toContain(`${system.publicOriginOf("desk")}/bff/login`);
  });
});
