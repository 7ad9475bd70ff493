// The whole gateway with the composed system's Redis user: Redis denies no command, so ACL LOG contains no noise.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { connectRedis, type RedisClient } from "@cloakroom/gateway/src/store/redis/redis-connection.ts";
import { openStream } from "@cloakroom/testkit/open-stream.ts";
import { testKeys } from "@cloakroom/testkit/stored-session.ts";
import { startTestSystem, userOf, type TestSystem } from "@cloakroom/testkit/system.ts";
import { startRedisServer, type RedisServer } from "@cloakroom/testing/redis-server.ts";
import { APP_ID, redisUsers } from "../compose/secrets.ts";

const folder = mkdtempSync(join(tmpdir(), "cloakroom-rejections-"));
const ROOT = join(import.meta.dirname, "..", "..");
let redis: RedisServer;
let owner: RedisClient;
let system: TestSystem;
let url: string;

beforeAll(async () => {
  const users = join(folder, "users.acl");
  const password = randomBytes(24).toString("base64url");
  writeFileSync(users, redisUsers(password));
  appendFileSync(users, "user owner on >owner ~* &* +@all\n");
  const lines = readFileSync(join(ROOT, "deploy", "redis", "redis.conf"), "utf8").split("\n");
  const overrides = { port: undefined, bind: "127.0.0.1", aclfile: users, dir: folder } as Record<
    string,
    string | undefined
  >;
  const args = lines
    .filter((line) => /^[a-z]/.test(line))
    .flatMap((line) => {
      const [name = "", ...rest] = line.split(" ");
      const value = name in overrides ? overrides[name] : rest.join(" ");
      return value === undefined ? [] : [`--${name}`, value === '""' ? "" : value];
    });
  redis = await startRedisServer({ args });
  url = `redis://cloakroom:${password}@127.0.0.1:${redis.port}/0`;
  owner = connectRedis({ url: `redis://owner:owner@127.0.0.1:${redis.port}`, timeoutMs: 2_000 });
  await new Promise((ready) => owner.once("ready", ready));
  // Clears the errors of startRedisServer's readiness check, which is not authenticated.
  await owner.call("CONFIG", "RESETSTAT");
  system = await startTestSystem({ env: { REDIS_URL: url, APP_ID } });
}, 60_000);
afterAll(async () => {
  await system.stop();
  owner.disconnect();
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Error replies since the start, counted by error code. Redis before 7.2 replies `ERR` to an unknown subcommand. */
async function errorCounts(): Promise<Record<string, number>> {
  const text = String(await owner.call("INFO", "errorstats"));
  const found = [...text.matchAll(/^errorstat_(\w+):count=(\d+)/gm)].map(([, name, count]) => [name, Number(count)]);
  return Object.fromEntries(found) as Record<string, number>;
}

async function runSessionsCommand(...args: string[]): Promise<void> {
  const child = spawn(process.execPath, [join(ROOT, "bff", "src", "cli", "sessions.ts"), ...args], {
    env: {
      PATH: process.env["PATH"] ?? "",
      OIDC_ISSUER: system.provider.issuer,
      OIDC_CLIENT_ID: "cloakroom",
      OIDC_CLIENT_SECRET: "a-client-secret-of-the-tests",
      PUBLIC_ORIGIN: system.gateway.config.publicOrigin,
      SECRET_KEYS: testKeys.map((key) => key.toString("base64url")).join(","),
      REDIS_URL: url,
      APP_ID,
    },
    stdio: "ignore",
  });
  expect(await once(child, "exit")).toEqual([0, null]);
}

async function loggedIn() {
  const browser = system.browser();
  await browser.login();
  return browser;
}

it.each<[string, () => Promise<unknown>]>([
  ["a start with all connections", async () => undefined],
  ["a reconnect after lost connections", () => owner.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")],
  ["a login", loggedIn],
  [
    "API requests and an open event stream",
    async () => {
      const browser = await loggedIn();
      const stream = await openStream(browser, system.gateway, "/bff/events");
      for (let count = 0; count < 3; count++) await browser.fetch("/api/x");
      stream.close();
    },
  ],
  [
    "a logout",
    async () => (await loggedIn()).fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } }),
  ],
  [
    "listing sessions and ending all of them",
    async () => {
      const browser = await loggedIn();
      await browser.fetch("/bff/sessions");
      await browser.fetch("/bff/sessions", { method: "DELETE" });
    },
  ],
  [
    "the sessions command: list and end-user",
    async () => {
      const subject = (await userOf(await loggedIn()))!;
      await runSessionsCommand("list", "--subject", subject);
      await runSessionsCommand("end-user", "--subject", subject);
    },
  ],
  ["a readiness check", () => system.gateway.readiness("store")],
])("Redis denies no command during %s", async (_what, act) => {
  await owner.call("ACL", "LOG", "RESET");
  await act();
  await expect.poll(() => system.gateway.store.check().catch(String), { timeout: 10_000 }).toBeUndefined();
  expect(await owner.call("ACL", "LOG")).toEqual([]);
  // EVALSHA of a script that is not cached yet: the driver retries with EVAL.
  const { NOSCRIPT: _expected, ...others } = await errorCounts();
  expect(others).toEqual({});
});
