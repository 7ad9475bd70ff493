// The gateway as a process: start-up errors and graceful shutdown.
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { createRedisStore } from "../../src/store/redis/redis-store.ts";
import { SESSION_COOKIE } from "../../src/session/cookies.ts";
import { startGatewayProcess } from "@cloakroom/testkit/gateway-process.ts";
import { startHostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { startRedis } from "@cloakroom/testkit/test-redis.ts";
import { expiredTokens, storeSession, testApplication } from "@cloakroom/testkit/stored-session.ts";
import { openSocket, startSocketUpstream } from "@cloakroom/testkit/web-socket-client.ts";

async function start(env: Record<string, string>) {
  const gateway = await startGatewayProcess(env);
  onTestFinished(gateway.kill);
  return gateway;
}

// Stops the processes and servers of a test, also after a failure.
async function openRedis(extra?: readonly string[]) {
  const redis = await startRedis(extra);
  onTestFinished(redis.stop);
  return redis;
}

async function openProvider() {
  const provider = await startHostileProvider();
  onTestFinished(provider.stop);
  return provider;
}

async function openStore(url: string) {
  const store = createRedisStore({ application: testApplication, url, timeoutMs: 1_000 });
  onTestFinished(store.close);
  await new Promise((ready) => store.client.once("ready", ready));
  return store;
}

async function openUpstream(listener: RequestListener): Promise<string> {
  const upstream = createServer(listener);
  onTestFinished(() => {
    upstream.closeAllConnections();
    upstream.close();
  });
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  return `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
}

const readiness = async (port: number) => {
  const response = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
  return response === undefined ? undefined : { status: response.status, body: await response.text() };
};

it("an invalid configuration prevents startup with all errors in one message and no secret", async () => {
  const { exited, output } = await start({
    PORT: "x",
    OIDC_CLIENT_SECRET: "hunter2",
    NODE_DEBUG: "koa-session:context",
  });
  expect(await exited).toBe(78);
  for (const name of ["PORT", "OIDC_CLIENT_SECRET", "NODE_DEBUG"]) expect(output()).toContain(name);
  expect(output()).not.toContain("hunter2");
});

it("I7: a Redis that evicts keys prevents startup", async () => {
  const redis = await openRedis(["--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru"]);
  const { exited, output } = await start({ REDIS_URL: redis.url });
  expect(await exited).toBe(78);
  expect(output()).toContain("maxmemory-policy noeviction");
});

it("a successful start logs no error", async () => {
  const redis = await openRedis();
  const provider = await openProvider();
  const gateway = await start({ REDIS_URL: redis.url, OIDC_ISSUER: provider.issuer, DRAIN_SECONDS: "1" });
  await expect.poll(() => readiness(gateway.managementPort), { timeout: 30_000 }).toMatchObject({ status: 200 });
  gateway.child.kill("SIGTERM");
  expect(await gateway.exited).toBe(0);
  expect(gateway.output()).toContain("the session store is ready");
  expect(gateway.output()).not.toMatch(/"level":[456]0|has a fault/);
});

it("an SPA_ROOT without an app prevents startup", async () => {
  const { exited, output } = await start({ SPA_ROOT: import.meta.dirname });
  expect(await exited).toBe(78);
  expect(output()).toContain("SPA_ROOT");
});

it("I8: starts without Redis and provider, logs what is missing, and recovers once both are available", async () => {
  const provider = await openProvider();
  const redis = await openRedis();
  await redis.kill();
  const gateway = await start({ REDIS_URL: redis.url, OIDC_ISSUER: "http://127.0.0.1:1" });
  await expect.poll(() => readiness(gateway.managementPort), { timeout: 30_000 }).toMatchObject({ status: 503 });
  const { body } = (await readiness(gateway.managementPort))!;
  expect(body).toContain("REDIS_URL");
  expect(body).toContain("OIDC_ISSUER");
  gateway.child.kill("SIGKILL");
  await gateway.exited;

  const healing = await start({ REDIS_URL: redis.url, OIDC_ISSUER: provider.issuer });
  await expect.poll(() => readiness(healing.managementPort), { timeout: 10_000 }).toMatchObject({ status: 503 });
  await redis.start();
  await expect.poll(() => readiness(healing.managementPort), { timeout: 15_000 }).toMatchObject({ status: 200 });
}, 40_000);

it("SIGTERM drains: requests in flight finish, new connections are refused, then the process exits", async () => {
  let respond: (() => void) | undefined;
  const baseUrl = await openUpstream((request, response) => {
    if (request.url === "/slow") respond = () => response.end("finished");
    else response.end("at once");
  });
  const upstreams = JSON.stringify([{ prefix: "/api", baseUrl, token: "none" }]);
  const { mkdtempSync, writeFileSync } = await import("node:fs");
  const file = join(mkdtempSync(join((await import("node:os")).tmpdir(), "cloakroom-")), "upstreams.json");
  writeFileSync(file, upstreams);
  const { child, port, managementPort, exited } = await start({ UPSTREAMS_FILE: file });
  await expect.poll(() => readiness(managementPort), { timeout: 30_000 }).toBeDefined();
  const headers = { "x-csrf": "1", "sec-fetch-site": "same-origin" };
  const running = fetch(`http://localhost:${port}/api/slow`, { headers });
  await expect.poll(() => respond).toBeDefined();
  child.kill("SIGTERM");
  await expect.poll(async () => (await readiness(managementPort))?.body).toContain("shutting down");
  await expect
    .poll(
      () =>
        fetch(`http://localhost:${port}/api/late`, { headers }).then(
          () => "accepted",
          () => "rejected",
        ),
      { timeout: 5_000 },
    )
    .toBe("rejected");
  respond?.();
  expect(await (await running).text()).toBe("finished");
  expect(await Promise.race([exited, sleep(8_000, undefined)])).toBe(0);
});

it("SIGTERM closes event streams without waiting for them", async () => {
  const redis = await openRedis();
  const store = await openStore(redis.url);
  const { sessionId } = await storeSession(store);
  const { child, port, managementPort, exited } = await start({ REDIS_URL: redis.url, DRAIN_SECONDS: "300" });
  await expect.poll(() => readiness(managementPort), { timeout: 30_000 }).toBeDefined();
  const tab = await fetch(`http://localhost:${port}/bff/events`, {
    headers: {
      accept: "text/event-stream",
      origin: `http://localhost:${port}`,
      "x-csrf": "1",
      cookie: `${SESSION_COOKIE}=${sessionId}`,
    },
  });
  expect(tab.status).toBe(200);
  const reader = tab.body!.getReader();
  expect(Buffer.from((await reader.read()).value!).toString()).toMatch(/^retry: /);
  child.kill("SIGTERM");
  // Heartbeats may come in between.
  while (!(await reader.read()).done);
  expect(await exited).toBe(0);
}, 30_000);

it("SIGTERM closes WebSockets with 1001 after the last request in flight, without waiting for them", async () => {
  let respond: (() => void) | undefined;
  const slow = await openUpstream((_request, response) => (respond = () => response.end("finished")));
  const sockets = await startSocketUpstream();
  onTestFinished(sockets.stop);
  const upstreams = `/api/slow=${slow},/api=${sockets.origin}`;
  const redis = await openRedis();
  const store = await openStore(redis.url);
  const soonMs = Date.now() + 60_000;
  const { sessionId } = await storeSession(store, { ...expiredTokens(), refreshAtMs: soonMs, usableUntilMs: soonMs });
  const env = { UPSTREAMS: upstreams, REDIS_URL: redis.url, DRAIN_SECONDS: "300" };
  const { child, port, managementPort, exited } = await start(env);
  await expect.poll(() => readiness(managementPort), { timeout: 30_000 }).toBeDefined();
  const headers = { cookie: `${SESSION_COOKIE}=${sessionId}`, "x-csrf": "1", origin: `http://localhost:${port}` };
  const { socket, next, closed } = await openSocket({ port, host: `localhost:${port}` }, "/api/ws", { headers });
  const running = fetch(`http://localhost:${port}/api/slow`, { headers });
  await expect.poll(() => respond).toBeDefined();
  child.kill("SIGTERM");
  await expect.poll(async () => (await readiness(managementPort))?.body).toContain("shutting down");
  socket.send("still here");
  expect((await next()).toString()).toBe("still here");
  respond?.();
  expect(await (await running).text()).toBe("finished");
  expect(await closed).toEqual({ code: 1001, reason: "the gateway is stopping" });
  expect(await Promise.race([exited, sleep(8_000, undefined)])).toBe(0);
}, 40_000);
