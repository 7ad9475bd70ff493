// The system of the demo with a stand-in for the gateway, and the launcher as a process.
import { spawn } from "node:child_process";
import { createServer, type Server } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { freePort, isPortTaken } from "@cloakroom/testing/free-port.ts";
import { GatewayStartError, startGateway } from "@cloakroom/testing/gateway-process.ts";
import { startRedisServer } from "@cloakroom/testing/redis-server.ts";
import { startSystem, type System, type SystemOptions } from "../src/system.ts";

const gatewayEntry = fileURLToPath(new URL("./fake-gateway.ts", import.meta.url));
let system: System | undefined;
const servers: Server[] = [];

afterEach(async () => {
  await system?.stop();
  system = undefined;
  for (const server of servers.splice(0)) server.close();
});

async function start(options: SystemOptions = {}): Promise<System> {
  system = await startSystem({ gatewayEntry, provider: { passwordCost: 2 ** 10 }, ...options });
  return system;
}

type Env = Record<string, string | undefined>;
const envOf = async ({ gatewayPort }: System) => (await (await fetch(`http://127.0.0.1:${gatewayPort}`)).json()) as Env;

test("the gateway gets its settings, fresh secrets and no other variable of the environment", async () => {
  process.env["A_SECRET_OF_THE_SHELL"] = "1";
  const running = await start({ spaRoot: "/somewhere", gatewayEnv: { LOG_LEVEL: "debug" } });
  const env = await envOf(running);
  expect(env).toMatchObject({
    PUBLIC_ORIGIN: running.origin,
    OIDC_ISSUER: running.provider.issuer,
    UPSTREAMS: `/api=${running.api.url}`,
    SPA_ROOT: "/somewhere",
    LOG_LEVEL: "debug",
  });
  expect(Buffer.from(env["SECRET_KEYS"] ?? "", "base64url")).toHaveLength(32);
  expect(running.provider.issuedTokens().clientSecrets).toEqual([env["OIDC_CLIENT_SECRET"]]);
  expect(Object.keys(env)).not.toContain("A_SECRET_OF_THE_SHELL");
  expect(Object.keys(env)).not.toContain("PATH");
});

test("restart() changes settings and keeps the previous output", async () => {
  const running = await start();
  const before = running.gateway.pid();
  await running.gateway.restart({ SESSION_IDLE_SECONDS: "60" });
  expect(running.gateway.pid()).not.toBe(before);
  expect((await envOf(running))["SESSION_IDLE_SECONDS"]).toBe("60");
  expect(running.gateway.output().match(/"draining"|"listening"/g)).toEqual([
    '"listening"',
    '"draining"',
    '"listening"',
  ]);
});

test("redis: none starts the gateway with the memory store", async () => {
  const running = await start({ redis: "none" });
  expect(running.redis).toEqual({ url: undefined, server: undefined });
  expect(Object.keys(await envOf(running))).not.toContain("REDIS_URL");
});

test("a gateway with invalid settings fails the start with its output, and no port stays in use", async () => {
  const ports = { gateway: await freePort(), provider: await freePort(), api: await freePort() };
  const starting = startSystem({ gatewayEntry, ports, gatewayEnv: { FAKE: "invalid-settings" } });
  await expect(starting).rejects.toThrow(GatewayStartError);
  await expect(starting).rejects.toThrow("one setting is wrong");
  for (const port of Object.values(ports)) expect(await isPortTaken(port)).toBe(false);
});

test("a gateway that does not become ready reports its failed checks, without the degraded ones", async () => {
  const management = await freePort();
  const starting = startGateway({
    entry: gatewayEntry,
    env: { FAKE: "not-ready", PORT: String(await freePort()), MANAGEMENT_PORT: String(management) },
    managementOrigin: `http://127.0.0.1:${management}`,
    readyWithinMs: 3_000,
  });
  await expect(starting).rejects.toThrow(
    /The gateway was not ready after 3 s: the store cannot be reached\. Start it$/,
  );
  expect(await isPortTaken(management)).toBe(false);
});

test("stop() releases the port of every component", async () => {
  const running = await start();
  const redis = running.redis.server;
  const ports = [running.gatewayPort, running.provider.port, running.api.port, ...(redis ? [redis.port] : [])];
  await running.stop();
  for (const port of ports) expect([port, await isPortTaken(port)]).toEqual([port, false]);
});

test("a killed launcher leaves no gateway and no Redis process behind", async () => {
  const script = `
    import { startSystem } from ${JSON.stringify(new URL("../src/system.ts", import.meta.url).href)};
    const { gatewayPort, redis } = await startSystem({ gatewayEntry: ${JSON.stringify(gatewayEntry)} });
    process.stdout.write(JSON.stringify([gatewayPort, ...(redis.server ? [redis.server.port] : [])]) + "\\n");`;
  const launcher = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void launcher.kill("SIGKILL"));
  const ports = await new Promise<number[]>((resolve) =>
    launcher.stdout.once("data", (line: Buffer) => resolve(JSON.parse(line.toString()) as number[])),
  );
  for (const port of ports) expect(await isPortTaken(port)).toBe(true);
  launcher.kill("SIGKILL");
  for (const port of ports) await expect.poll(() => isPortTaken(port), { timeout: 5_000 }).toBe(false);
});

function runLauncher(env: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("../src/main.ts", import.meta.url))], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (output += text.toString()));
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, output })));
}

test("the launcher reports every port in use with its component and a setting for another port", async () => {
  const occupyPort = (): Promise<number> =>
    new Promise((resolve) => {
      const server = createServer().listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
      servers.push(server);
    });
  const [gateway, api] = [await occupyPort(), await occupyPort()];
  const { code, output } = await runLauncher({
    PORT: String(gateway),
    API_PORT: String(api),
    MANAGEMENT_PORT: String(await freePort()),
    PROVIDER_PORT: String(await freePort()),
  });
  expect(code).toBe(1);
  const lines = output.trim().split("\n");
  expect(lines.map((line) => line.replace(/PORT=\d+ /g, (setting) => setting.replace(/\d+/, "N")))).toEqual([
    `Port ${gateway} for the gateway is already in use. Use another one: PORT=N npm start`,
    `Port ${api} for the resource API is already in use. Use another one: API_PORT=N npm start`,
    "All at once: PORT=N API_PORT=N npm start",
  ]);
  for (const line of lines) expect(await isPortTaken(Number(/PORT=(\d+)/.exec(line)?.[1]))).toBe(false);
});

test("the launcher rejects an invalid and a duplicate port", async () => {
  const duplicate = String(await freePort());
  const { code, output } = await runLauncher({
    PORT: "many",
    MANAGEMENT_PORT: String(await freePort()),
    PROVIDER_PORT: duplicate,
    API_PORT: duplicate,
  });
  expect(code).toBe(1);
  expect(output).toContain("PORT must be a port number from 1 to 65535, for the gateway.");
  expect(output).toContain(`Port ${duplicate} is configured for the OpenID Provider and for the resource API.`);
});

test.each([
  ["that cannot be reached", "ECONNREFUSED", []],
  ["that rejects the credentials", "NOAUTH", ["--requirepass", "a-password"]],
] as const)(
  "the launcher reports a Redis %s in one line, without the password of REDIS_URL",
  async (_title, code, args) => {
    const server = args.length === 0 ? undefined : await startRedisServer({ args: [...args] });
    const port = server?.port ?? (await freePort());
    try {
      const env = {
        REDIS_URL: code === "NOAUTH" ? `redis://127.0.0.1:${port}` : `redis://:an@a-password@127.0.0.1:${port}`,
      };
      const { code: exitCode, output } = await runLauncher({ ...env, ...(await freePorts()) });
      expect(exitCode).toBe(1);
      expect(output.trim().split("\n")).toEqual([expect.stringContaining("REDIS_URL")]);
      for (const part of [`127.0.0.1:${port}`, code]) expect(output).toContain(part);
      expect(output).not.toContain("a-password");
    } finally {
      await server?.stop();
    }
  },
);

async function freePorts(): Promise<Record<string, string>> {
  const names = ["PORT", "MANAGEMENT_PORT", "PROVIDER_PORT", "API_PORT"];
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, String(await freePort())] as const)));
}
