// WORKERS: several gateway processes on one listener, with a supervisor.
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { createRedisStore } from "../src/store/redis/redis-store.ts";
import { SESSION_COOKIE } from "../src/session/cookies.ts";
import { createVault } from "../src/tokens/vault.ts";
import { ADMIN_TOKEN, call as callAdmin } from "./support/admin-api.ts";
import { startGatewayProcess } from "@cloakroom/testkit/gateway-process.ts";
import { startHostileProvider, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";
import {
  expiredTokens,
  sealersOf,
  storeSession,
  testApplication,
  testKeys,
} from "@cloakroom/testkit/stored-session.ts";

let redis: TestRedis;
let provider: HostileProvider;
let store: ReturnType<typeof createRedisStore>;
const stops: (() => unknown)[] = [];

beforeAll(async () => {
  redis = await startRedis();
  provider = await startHostileProvider();
  store = createRedisStore({ application: testApplication, url: redis.url, timeoutMs: 2_000 });
  await new Promise((ready) => store.client.once("ready", ready));
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});
afterAll(async () => {
  await store.close();
  await provider.stop();
  await redis.stop();
});

async function start(env: Record<string, string> = {}) {
  const gateway = await startGatewayProcess({
    OIDC_ISSUER: provider.issuer,
    OIDC_CLIENT_ID: provider.clientId,
    OIDC_CLIENT_SECRET: provider.clientSecret,
    REDIS_URL: redis.url,
    REDIS_TIMEOUT_MS: "2000",
    WORKERS: "2",
    ...env,
  });
  const { child, port, managementPort, exited, output } = gateway;
  stops.push(gateway.kill);
  const ask = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${managementPort}${path}`).catch(() => undefined);
    return response === undefined ? undefined : { status: response.status, body: await response.text() };
  };
  const workers = () =>
    execFileSync("pgrep", ["-P", String(child.pid)], { encoding: "utf8" })
      .trim()
      .split("\n");
  const allReady = () =>
    expect.poll(async () => (await ask("/readyz"))?.body, { timeout: 45_000 }).toMatch(/"workers":{"status":"ok"}/);
  return {
    child,
    origin: `http://127.0.0.1:${port}`,
    host: `localhost:${port}`,
    port,
    managementPort,
    ask,
    workers,
    allReady,
    exited,
    output,
  };
}

async function startUpstream(holdMs = 0) {
  const upstream = createServer((_request, response) => setTimeout(() => response.end("{}"), holdMs));
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  stops.push(() => upstream.close());
  return `/api=http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
}

async function cookie(): Promise<string> {
  const usable = { ...expiredTokens(), refreshAtMs: Date.now() + 60_000, usableUntilMs: Date.now() + 60_000 };
  return `${SESSION_COOKIE}=${(await storeSession(store, usable, createVault(sealersOf(testKeys)))).sessionId}`;
}

/** A connection of its own each time: each worker gets its turn. */
const call = async (
  { origin, host }: { origin: string; host: string },
  path: string,
  sessionCookie: string,
  method = "GET",
) => {
  const { request, Agent } = await import("undici");
  const agent = new Agent();
  const headers = {
    host,
    cookie: sessionCookie,
    "x-csrf": "1",
    "sec-fetch-site": "same-origin",
    accept: "application/json",
  };
  const response = await request(origin + path, { dispatcher: agent, method: method as "GET", headers });
  await response.body.dump();
  await agent.close();
  return response.statusCode;
};

it("I2: serves from all workers, merges their metrics, and rejects a logged-out session on every worker", async () => {
  const gateway = await start({ UPSTREAMS: await startUpstream() });
  await gateway.allReady();
  expect(gateway.workers()).toHaveLength(2);
  const session = await cookie();
  for (let n = 0; n < 40; n++) expect(await call(gateway, "/api/x", session)).toBe(200);
  const counted = /cloakroom_requests_total\{route="upstream",method="GET",status="2xx",application="[^"]+"\} (\d+)/;
  expect(Number(counted.exec((await gateway.ask("/metrics"))!.body)?.[1])).toBe(40);
  expect(await call(gateway, "/bff/logout", session, "POST")).toBe(200);
  for (let n = 0; n < 10; n++) expect(await call(gateway, "/api/x", session)).toBe(401);
  gateway.child.kill("SIGTERM");
  await gateway.exited;
  // Lines of one process never get into those of the other.
  const lines = gateway.output().trim().split("\n");
  expect(lines.filter((line) => (JSON.parse(line) as { msg: string }).msg === "request")).toHaveLength(51);
}, 120_000);

it("I2: an end by the admin API of the supervisor is final on every worker", async () => {
  const gateway = await start({ UPSTREAMS: await startUpstream(), ADMIN_TOKEN: `ops:${ADMIN_TOKEN}` });
  await gateway.allReady();
  const session = await cookie();
  for (let n = 0; n < 10; n++) expect(await call(gateway, "/api/x", session)).toBe(200);
  const admin = (method: string, path: string) =>
    callAdmin(gateway.managementPort, { method, path: `/admin/applications${path}`, headers: {} });
  const listed = await admin("GET", `/${testApplication}/sessions`);
  expect(listed.status).toBe(200);
  const ended = await admin("DELETE", `/${testApplication}/sessions?confirm=all`);
  expect(ended.body["ended"]).toBe((listed.body["sessions"] as unknown[]).length);
  for (let n = 0; n < 10; n++) expect(await call(gateway, "/api/x", session)).toBe(401);
  expect((await gateway.ask("/metrics"))!.body).toContain('cloakroom_admin_requests_total{status="2xx"} 2');
  expect(gateway.output()).toContain('"admin":"ops"');
}, 120_000);

it("the supervisor restarts a crashed worker and logs it while the others serve", async () => {
  const gateway = await start({ UPSTREAMS: await startUpstream() });
  await gateway.allReady();
  const session = await cookie();
  const [first] = gateway.workers();
  process.kill(Number(first), "SIGKILL");
  await expect.poll(() => gateway.output(), { timeout: 10_000 }).toContain("worker ended, restarting");
  expect(await call(gateway, "/api/x", session)).toBe(200);
  await expect.poll(() => gateway.workers().length, { timeout: 10_000 }).toBe(2);
  await gateway.allReady();
  expect(gateway.workers()).not.toContain(first);
}, 120_000);

it("the supervisor survives a metrics query to a worker that was just killed", async () => {
  const gateway = await start();
  await gateway.allReady();
  const probe = connect(gateway.managementPort, "127.0.0.1");
  const ask = () => probe.write("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ask();
  await once(probe, "data");
  const [first] = gateway.workers();
  // What waits for the supervisor then: the question first, the end of the worker second.
  const stateOf = (pid: unknown) => execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
  gateway.child.kill("SIGSTOP");
  await expect.poll(() => stateOf(gateway.child.pid)).toMatch(/^T/);
  ask();
  process.kill(Number(first), "SIGKILL");
  await expect.poll(() => stateOf(first)).toMatch(/^Z/);
  gateway.child.kill("SIGCONT");
  await expect.poll(() => gateway.output(), { timeout: 10_000 }).toContain("worker ended, restarting");
  await gateway.allReady();
  expect(gateway.workers()).toHaveLength(2);
  probe.destroy();
}, 120_000);

it("SIGTERM drains all workers: requests in flight finish and no process remains", async () => {
  const gateway = await start({ UPSTREAMS: await startUpstream(1_500) });
  await gateway.allReady();
  const session = await cookie();
  const pids = gateway.workers();
  const running = Array.from({ length: 4 }, () => call(gateway, "/api/slow", session));
  await expect
    .poll(async () => (await gateway.ask("/metrics"))!.body, { timeout: 10_000 })
    .toMatch(/cloakroom_session_reads_total\{outcome="\w+",application="[^"]+"\} [1-9]/);
  gateway.child.kill("SIGTERM");
  expect(await Promise.all(running)).toEqual([200, 200, 200, 200]);
  expect(await gateway.exited).toBe(0);
  for (const pid of pids) expect(() => process.kill(Number(pid), 0)).toThrow();
}, 120_000);

it("I7: the gateway does not start with several workers and no Redis", async () => {
  const gateway = await start({ REDIS_URL: "" });
  expect(await gateway.exited).toBe(78);
  expect(gateway.output()).toContain("WORKERS above 1 needs REDIS_URL");
});

it("the supervisor exits immediately with the reason if no worker can listen", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  stops.push(() => taken.close());
  const gateway = await start({ PORT: String((taken.address() as AddressInfo).port) });
  expect(await gateway.exited).toBe(1);
  expect(gateway.output()).toContain("is taken");
}, 30_000);
