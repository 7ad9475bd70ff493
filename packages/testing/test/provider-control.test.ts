// The control of the provider over HTTP and the command that starts both.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { request } from "node:http";
import { fileURLToPath } from "node:url";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "../src/free-port.ts";
import { logIn, refreshTokens, startTestProvider } from "../src/provider-client.ts";
import { connectProvider } from "../src/provider/connect-provider.ts";
import { startProviderControl, type ControlServer } from "../src/provider/control-server.ts";
import type { ProviderControl } from "../src/provider/control.ts";
import type { ProviderHandle } from "../src/provider/types.ts";

let provider: ProviderHandle;
let server: ControlServer;
let control: ProviderControl;

beforeAll(async () => {
  provider = await startTestProvider();
  server = await startProviderControl(provider);
  control = await connectProvider(server.url);
});
afterAll(async () => {
  await server.stop();
  await provider.stop();
});

const discover = () => fetch(`${provider.issuer}/.well-known/openid-configuration`);

test("a user who is added by the control logs in", async () => {
  const user = await control.addUser({ username: "kim", password: "a password", roles: ["editor"] });
  const { tokens } = await logIn(provider, { username: "kim", password: "a password" });
  expect(decodeJwt(tokens.access_token)).toMatchObject({ sub: user.sub, roles: ["editor"] });
  expect((await control.issuedTokens()).accessTokens).toContain(tokens.access_token);
});

test("lifetimes of one user do not change those of another", async () => {
  const short = await control.addUser({ username: "short", password: "a password" });
  await control.setLifetimes(short.sub, { accessTokenSeconds: 2, sessionSeconds: 5 });
  const { tokens } = await logIn(provider, { username: "short", password: "a password" });
  expect(tokens["expires_in"]).toBe(2);
  expect(tokens["refresh_expires_in"]).toBeLessThanOrEqual(5);
  const { tokens: others } = await logIn(provider);
  expect(others["expires_in"]).toBe(60);
  expect(others["refresh_expires_in"]).toBeGreaterThan(1_000);
});

test("an ended session revokes the refresh token, with and without back-channel logout", async () => {
  for (const notifyClients of [true, false]) {
    const before = await control.count("backchannel-logout");
    const { tokens } = await logIn(provider);
    const { sub = "" } = decodeJwt(tokens.id_token);
    expect(await control.endSession(sub, { notifyClients })).toBeGreaterThan(0);
    expect(await refreshTokens(provider, tokens.refresh_token)).toMatchObject({ error: "invalid_grant" });
    expect((await control.count("backchannel-logout")) > before).toBe(notifyClients);
  }
});

test("faults and outages begin and end by the control, which stays reachable", async () => {
  await control.setFault({ endpoint: "discovery", status: 503 });
  expect((await discover()).status).toBe(503);
  await control.clearFaults();
  expect((await discover()).status).toBe(200);
  await control.takeDown();
  await expect(discover()).rejects.toThrow("fetch failed");
  await control.restore();
  expect((await discover()).status).toBe(200);
});

type Sent = { method?: string; path?: string; headers?: Record<string, string>; body?: string };

function send({
  method = "POST",
  path = "/clearFaults",
  headers = {},
  body = "[]",
}: Sent): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const options = { method, headers: { "content-type": "application/json", ...headers } };
    const sent = request(new URL(path, server.url), options, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on("error", reject);
    sent.end(method === "GET" ? undefined : body);
  });
}

test.each<[name: string, sent: Sent, status: number]>([
  ["accepts an operation", {}, 200],
  ["accepts one argument without a list", { path: "/count", body: '"token"' }, 200],
  ["rejects a page of another origin", { headers: { origin: "https://attacker.example" } }, 403],
  ["rejects a page of a loopback origin", { headers: { origin: "http://localhost:3000" } }, 403],
  ["rejects a request that a browser marks", { headers: { "sec-fetch-site": "none" } }, 403],
  ["rejects a form, which needs no CORS preflight", { headers: { "content-type": "text/plain" } }, 415],
  ["rejects a name that DNS rebinding points to loopback", { headers: { host: "attacker.example" } }, 421],
  ["rejects a host that begins like loopback", { headers: { host: "127.0.0.1.attacker.example" } }, 421],
  ["rejects GET", { method: "GET" }, 405],
  ["rejects an unknown operation", { path: "/stop" }, 404],
  ["rejects a member of every object", { path: "/constructor" }, 404],
  ["rejects malformed JSON", { body: "{" }, 400],
  ["rejects a large body", { body: JSON.stringify("x".repeat(70_000)) }, 413],
])("the control %s", async (_name, sent, status) => {
  expect(await send(sent)).toBe(status);
});

test.each(["0.0.0.0", "::", "192.0.2.1", "example.com"])("the provider does not listen on %s", async (host) => {
  await expect(startTestProvider({ host })).rejects.toThrow(/loopback only/);
});

test("connectProvider names the command if no control listens", async () => {
  await expect(connectProvider(`http://127.0.0.1:${await freePort()}`)).rejects.toThrow("cloakroom-provider");
});

test("cloakroom-provider prints the settings of a gateway, obeys its control and stops on SIGTERM", async () => {
  const command = fileURLToPath(new URL("../bin/cloakroom-provider.mjs", import.meta.url));
  const args = [
    "--port",
    "0",
    "--control-port",
    "0",
    "--origin",
    "http://localhost:3999",
    "--user",
    "kim:secret:admin",
  ];
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", command, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {},
  });
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (line.startsWith("control")) break;
  }
  const text = lines.join("\n");
  expect(text).toContain("Not for production");
  expect(text).toMatch(
    /^OIDC_ISSUER=http:\/\/127\.0\.0\.1:\d+\nOIDC_CLIENT_ID=cloakroom\nOIDC_CLIENT_SECRET=\S{40,}$/m,
  );
  expect(text).toContain("kim / secret  admin");
  const started = await connectProvider(/^control +(\S+)/m.exec(text)?.[1] ?? "");
  expect((await fetch(`${started.issuer}/.well-known/openid-configuration`)).status).toBe(200);
  await started.takeDown();
  await started.restore();
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);
});

test.each<[name: string, args: readonly string[], sentence: RegExp]>([
  ["an origin with a path", ["--origin", "http://localhost:3000/app"], /is not an origin/],
  ["a port that is not a number", ["--port", "http"], /is not a port/],
  ["a user without a password", ["--user", "kim"], /is not NAME:PASSWORD/],
  ["an unknown option", ["--prot", "1"], /Unknown option '--prot'/],
  ["a file that does not exist", ["--options", "missing.json"], /--options missing\.json: ENOENT/],
])("cloakroom-provider rejects %s", async (_name, args, sentence) => {
  const command = fileURLToPath(new URL("../bin/cloakroom-provider.mjs", import.meta.url));
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", command, ...args], { env: {} });
  let output = "";
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  expect(await once(child, "close")).toEqual([2, null]);
  expect(output).toMatch(sentence);
  expect(output).toContain("Usage: cloakroom-provider");
});
