// Where the forward-auth listener may listen, and who may call it.
import { mkdtempSync, renameSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { BlockList, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { ConfigError, loadConfig } from "../../src/config/config.ts";
import { createForwardAuthServer } from "../../src/proxy/forward-auth/forward-auth-server.ts";
import { listenForwardAuth } from "../../src/proxy/forward-auth/listen-forward-auth.ts";
import { silentLog } from "@cloakroom/testkit/stored-session.ts";

const GOOD = {
  OIDC_ISSUER: "https://provider.test",
  OIDC_CLIENT_ID: "cloakroom",
  OIDC_CLIENT_SECRET: "a-secret-of-enough-length",
  SECRET_KEYS: Buffer.from("0123456789abcdef0123456789ABCDEF").toString("base64url"),
  FORWARD_AUTH_PROXY: "nginx",
};

function faultsOf(env: Record<string, string>): string {
  try {
    loadConfig({ ...GOOD, ...env });
    return "";
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.join("\n");
    throw error;
  }
}

describe("FORWARD_AUTH_LISTEN", () => {
  it.each([
    ["127.0.0.1:9001", { kind: "tcp", host: "127.0.0.1", port: 9001, isNetwork: false }],
    ["127.9.9.9:1", { kind: "tcp", host: "127.9.9.9", port: 1, isNetwork: false }],
    ["localhost:9001", { kind: "tcp", host: "localhost", port: 9001, isNetwork: false }],
    ["[::1]:9001", { kind: "tcp", host: "::1", port: 9001, isNetwork: false }],
    ["unix:/run/cloakroom/auth.sock", { kind: "unix", path: "/run/cloakroom/auth.sock" }],
  ])("%s is accepted", (value, listen) => {
    expect(loadConfig({ ...GOOD, FORWARD_AUTH_LISTEN: value }).forwardAuth).toEqual({ listen, proxy: "nginx" });
  });

  it.each([
    ["network:10.0.0.5:9001", { host: "10.0.0.5", port: 9001 }],
    ["network:0.0.0.0:9001", { host: "0.0.0.0", port: 9001 }],
    ["network:[::]:9001", { host: "::", port: 9001 }],
    ["network:gateway:9001", { host: "gateway", port: 9001 }],
  ])("%s is accepted with TRUSTED_PROXIES only", (value, listen) => {
    const env = { FORWARD_AUTH_LISTEN: value, TRUSTED_PROXIES: "10.0.0.0/8" };
    expect(loadConfig({ ...GOOD, ...env }).forwardAuth?.listen).toMatchObject({ ...listen, isNetwork: true });
    expect(faultsOf({ FORWARD_AUTH_LISTEN: value })).toContain("needs TRUSTED_PROXIES");
  });

  it.each([
    "0.0.0.0:9001",
    "10.0.0.5:9001",
    "[::]:9001",
    "gateway:9001",
    "localhost.evil.test:9001",
    "9001",
    ":9001",
    "127.0.0.1",
    "127.0.0.1:99999",
    "127.0.0.1:http",
    "[127.0.0.1]:9001",
    "127.1:9001",
    "network:127.0.0.1:9001",
    "unix:auth.sock",
    "unix:/run/",
    `unix:/${"x".repeat(107)}`,
    "http://127.0.0.1:9001",
  ])("%s is rejected", (value) => {
    expect(faultsOf({ FORWARD_AUTH_LISTEN: value })).toMatch(/^FORWARD_AUTH_LISTEN /m);
  });

  it.each([
    ["no FORWARD_AUTH_PROXY", { FORWARD_AUTH_PROXY: "" }, "needs FORWARD_AUTH_PROXY"],
    ["an unknown proxy", { FORWARD_AUTH_PROXY: "haproxy" }, "must be one of nginx, traefik, caddy, envoy"],
    ["DPoP", { OIDC_SENDER_CONSTRAINED: "dpop" }, "cannot be used with OIDC_SENDER_CONSTRAINED"],
    ["mutual TLS", { OIDC_SENDER_CONSTRAINED: "mtls" }, "cannot be used with OIDC_SENDER_CONSTRAINED"],
    ["FAPI 2.0", { OIDC_PROFILE: "fapi2" }, "cannot be used with OIDC_SENDER_CONSTRAINED"],
    ["insecure cookies", { INSECURE_COOKIES: "loopback" }, "cannot be used with INSECURE_COOKIES"],
    ["the public port", { FORWARD_AUTH_LISTEN: "127.0.0.1:3000" }, "must differ from PORT"],
    ["the management port", { FORWARD_AUTH_LISTEN: "127.0.0.1:9000" }, "must differ from PORT"],
  ])("%s prevents startup", (_title, env, sentence) => {
    expect(faultsOf({ FORWARD_AUTH_LISTEN: "127.0.0.1:9001", ...env })).toContain(sentence);
  });

  it("FORWARD_AUTH_PROXY alone is rejected", () => {
    expect(faultsOf({})).toContain("no effect without FORWARD_AUTH_LISTEN");
  });
});

function listener(trusted: string[], isNetwork: boolean) {
  const trustedProxies = new BlockList();
  for (const address of trusted) trustedProxies.addAddress(address);
  return createForwardAuthServer({
    config: { proxy: "nginx", listen: { kind: "tcp", host: "127.0.0.1", port: 0, isNetwork } },
    trustedProxies,
    applicationOf: () => undefined,
    log: silentLog,
  });
}

describe("the callers of the listener", () => {
  it.each([
    ["a caller in TRUSTED_PROXIES", ["127.0.0.1"], true, 500],
    ["another caller", ["10.0.0.1"], true, 403],
    ["any caller of a loopback address", [], false, 500],
  ])("%s", async (_title, trusted, isNetwork, status) => {
    const server = listener(trusted, isNetwork);
    onTestFinished(() => void server.close());
    await listenForwardAuth(server, { kind: "tcp", host: "127.0.0.1", port: 0, isNetwork });
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/forward-auth`);
    expect(response.status).toBe(status);
  });
});

describe("a Unix socket", () => {
  const newPath = () => join(mkdtempSync(join(tmpdir(), "cloakroom-")), "auth.sock");

  it("a Unix socket is open to its user and group only", async () => {
    const path = newPath();
    const server = listener([], false);
    onTestFinished(() => void server.close());
    await listenForwardAuth(server, { kind: "unix", path });
    expect(statSync(path).mode & 0o777).toBe(0o660);
  });

  it("a Unix socket that a killed process has left is replaced", async () => {
    const path = newPath();
    const killed = createServer();
    await listenForwardAuth(killed, { kind: "unix", path });
    // Closing would remove the file.
    renameSync(path, `${path}.moved`);
    await new Promise((resolve) => killed.close(resolve));
    renameSync(`${path}.moved`, path);
    const server = listener([], false);
    onTestFinished(() => void server.close());
    await listenForwardAuth(server, { kind: "unix", path });
    expect(server.listening).toBe(true);
  });

  it("a Unix socket of another process stays, and the error names the setting", async () => {
    const path = newPath();
    const other = createServer();
    onTestFinished(() => void other.close());
    await listenForwardAuth(other, { kind: "unix", path });
    const rejected = listenForwardAuth(listener([], false), { kind: "unix", path });
    await expect(rejected).rejects.toThrow(`FORWARD_AUTH_LISTEN ${path} is used by another process.`);
  });

  it("a Unix socket in a folder that does not exist is an error with the cure", async () => {
    const rejected = listenForwardAuth(listener([], false), { kind: "unix", path: "/nowhere/auth.sock" });
    await expect(rejected).rejects.toThrow(
      /FORWARD_AUTH_LISTEN \/nowhere\/auth\.sock cannot be created \(.*\)\. Create/,
    );
  });
});
