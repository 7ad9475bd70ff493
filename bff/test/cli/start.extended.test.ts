// `cloakroom start` with several workers: the supervisor runs the same command for each of them.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { gatewayEnv } from "@cloakroom/testing/gateway-env.ts";
import { startRedisServer, type RedisServer } from "@cloakroom/testing/redis-server.ts";

const COMMAND = join(import.meta.dirname, "../../bin/cloakroom.mjs");

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedisServer();
});
afterAll(() => redis.stop());

it("the workers of cloakroom start serve requests", async () => {
  const [port, managementPort] = [await freePort(), await freePort()];
  const env = gatewayEnv({
    ...{ publicOrigin: `http://localhost:${port}`, port, managementPort, issuer: "http://127.0.0.1:1" },
    ...{
      apiUrl: "http://127.0.0.1:1",
      clientSecret: "a-client-secret-for-tests",
      redisUrl: redis.url,
      spaRoot: undefined,
    },
  });
  const settings = { ...env, WORKERS: "2", PATH: process.env["PATH"] ?? "" };
  const gateway = spawn(process.execPath, [COMMAND, "start"], { env: settings, stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(gateway, "exit");
  let output = "";
  gateway.stdout.on("data", (text: Buffer) => (output += text.toString()));
  try {
    const headers = { "X-CSRF": "1", "Sec-Fetch-Site": "same-origin" };
    const user = () => fetch(`http://localhost:${port}/bff/user`, { headers }).then((response) => response.json());
    await expect.poll(() => user().catch(() => undefined), { timeout: 60_000 }).toMatchObject({ user: null });
    expect(output).not.toContain("worker ended");
  } finally {
    gateway.kill("SIGTERM");
    await ended;
  }
}, 90_000);
