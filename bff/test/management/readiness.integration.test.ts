// /readyz of a gateway process while its dependencies fail. Kubernetes routes requests by this status.
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished, test } from "vitest";
import type { CheckResult } from "../../src/metrics/dependency-check.ts";
import { checkAll, createReadiness } from "../../src/management/readiness.ts";
import { SESSION_COOKIE } from "../../src/session/cookies.ts";
import { startGatewayProcess } from "@cloakroom/testkit/gateway-process.ts";
import { startHostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";
import { VARIABLES } from "../../src/config/setting-words.ts";

type Readyz = { status: number; body: { status: string; checks: Record<string, CheckResult> } };

/** A provider that can be switched off without losing its port. */
async function startProvider() {
  const provider = await startHostileProvider();
  onTestFinished(provider.stop);
  const state = { isDown: false };
  const forward = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const received = await fetch(target + (request.url ?? ""), {
      method: request.method ?? "GET",
      redirect: "manual",
      headers: Object.fromEntries(
        Object.entries(request.headers).flatMap(([name, value]) =>
          ["authorization", "content-type"].includes(name) && typeof value === "string" ? [[name, value]] : [],
        ),
      ),
      ...(body.length === 0 ? {} : { body }),
    });
    response.writeHead(received.status, { "content-type": received.headers.get("content-type") ?? "text/plain" });
    response.end(Buffer.from(await received.arrayBuffer()));
  };
  const front = createServer((request, response) => {
    if (state.isDown) response.writeHead(503).end();
    else void forward(request, response);
  });
  front.listen(0, "127.0.0.1");
  await once(front, "listening");
  onTestFinished(() => {
    front.closeAllConnections();
    front.close();
  });
  const target = new URL(provider.issuer).origin;
  return { provider, state, internalUrl: `http://127.0.0.1:${(front.address() as AddressInfo).port}` };
}

async function start(redis: TestRedis, env: Record<string, string> = {}) {
  const { provider, state, internalUrl } = await startProvider();
  const gateway = await startGatewayProcess({
    OIDC_ISSUER: provider.issuer,
    OIDC_INTERNAL_URL: internalUrl,
    OIDC_CLIENT_ID: provider.clientId,
    OIDC_CLIENT_SECRET: provider.clientSecret,
    REDIS_URL: redis.url,
    DRAIN_SECONDS: "2",
    ...env,
  });
  const { child, port, managementPort } = gateway;
  onTestFinished(gateway.kill);
  const ask = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${managementPort}${path}`).catch(() => undefined);
    return response === undefined ? undefined : { status: response.status, text: await response.text() };
  };
  const readyz = async (): Promise<Readyz | undefined> => {
    const received = await ask("/readyz");
    return received === undefined
      ? undefined
      : { status: received.status, body: JSON.parse(received.text) as Readyz["body"] };
  };
  return {
    child,
    provider: state,
    readyz,
    livez: async () => (await ask("/livez"))?.status,
    becomesReady: () => expect.poll(async () => (await readyz())?.status, { timeout: 45_000 }).toBe(200),
    dependencyUp: async (name: string) => {
      const text = (await ask("/metrics"))?.text ?? "";
      return new RegExp(`^cloakroom_dependency_up\\{dependency="${name}",application="[^"]+"\\} (\\d)`, "m").exec(
        text,
      )?.[1];
    },
    request: () =>
      fetch(`http://localhost:${port}/bff/user`, {
        headers: {
          origin: `http://localhost:${port}`,
          "x-csrf": "1",
          cookie: `${SESSION_COOKIE}=${"A".repeat(43)}`,
        },
      }),
  };
}

async function openRedis(): Promise<TestRedis> {
  const redis = await startRedis();
  onTestFinished(redis.stop);
  return redis;
}

type Running = Awaited<ReturnType<typeof start>> & { redis: TestRedis };
const redisCommand = ({ redis }: Running, ...args: string[]) =>
  void execFileSync("redis-cli", ["-u", redis.url, ...args], { stdio: "ignore" });

/** Each dependency or setting that can fail after the start, how it comes back, and what the operator reads. */
const OUTAGES: readonly {
  fault: string;
  check: string;
  says: RegExp;
  apply: (running: Running) => unknown;
  remove: (running: Running) => unknown;
  env?: Record<string, string>;
}[] = [
  {
    fault: "Redis is killed",
    check: "store",
    says: /session store cannot be used: .*REDIS_URL/,
    apply: ({ redis }) => redis.kill(),
    remove: ({ redis }) => redis.start(),
  },
  {
    fault: "Redis is killed under two workers",
    check: "workers",
    says: /0 of 2 processes are ready; .*REDIS_URL/,
    apply: ({ redis }) => redis.kill(),
    remove: ({ redis }) => redis.start(),
    env: { WORKERS: "2" },
  },
  {
    fault: "Redis hangs for longer than a probe waits, under two workers",
    check: "workers",
    says: /0 of 2 processes are ready; /,
    apply: (running) => redisCommand(running, "CLIENT", "PAUSE", "60000", "ALL"),
    remove: ({ redis }) => redis.kill().then(redis.start),
    env: { WORKERS: "2", REDIS_TIMEOUT_MS: "2000" },
  },
  {
    fault: "the eviction policy of Redis is changed",
    check: "store",
    says: /maxmemory-policy allkeys-lru.*Set maxmemory-policy noeviction/,
    apply: (running) => {
      redisCommand(running, "CONFIG", "SET", "maxmemory", "50mb");
      redisCommand(running, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
    },
    remove: (running) => redisCommand(running, "CONFIG", "SET", "maxmemory-policy", "noeviction"),
  },
  {
    fault: "Redis demands a password",
    check: "store",
    says: /REDIS_URL/,
    apply: (running) => {
      redisCommand(running, "CONFIG", "SET", "requirepass", "changed");
      redisCommand(running, "-a", "changed", "CLIENT", "KILL", "TYPE", "normal");
    },
    remove: (running) => redisCommand(running, "-a", "changed", "CONFIG", "SET", "requirepass", ""),
  },
  {
    fault: "the provider responds 503",
    check: "provider",
    says: /OIDC_ISSUER responds 503/,
    apply: ({ provider }) => (provider.isDown = true),
    remove: ({ provider }) => (provider.isDown = false),
  },
];

describe("I5: /readyz after the first readiness", () => {
  it.each(OUTAGES)(
    "an instance stays in its Service while $fault",
    async ({ apply, remove, check, says, env }) => {
      const redis = await openRedis();
      const gateway = await start(redis, env);
      const running = { ...gateway, redis };
      await gateway.becomesReady();
      await apply(running);
      const statuses = new Set<number>();
      await expect
        .poll(
          async () => {
            const received = await gateway.readyz();
            if (received !== undefined) statuses.add(received.status);
            return received?.body.checks[check];
          },
          { timeout: 25_000 },
        )
        .toMatchObject({ status: "degraded", detail: expect.stringMatching(says) as string });
      expect((await gateway.readyz())?.body.status).toBe("degraded");
      expect(statuses).toEqual(new Set([200]));
      expect(await gateway.livez()).toBe(200);
      const dependency = check === "workers" ? "store" : check;
      await expect.poll(() => gateway.dependencyUp(dependency), { timeout: 10_000 }).toBe("0");
      await remove(running);
      await expect
        .poll(async () => (await gateway.readyz())?.body.checks[check]?.status, { timeout: 25_000 })
        .toBe("ok");
      await expect.poll(() => gateway.dependencyUp(dependency), { timeout: 10_000 }).toBe("1");
    },
    90_000,
  );

  it("a request during an outage gets the gateway's 503 with Retry-After", async () => {
    const redis = await openRedis();
    const gateway = await start(redis);
    await gateway.becomesReady();
    await redis.kill();
    await expect.poll(async () => (await gateway.readyz())?.body.status, { timeout: 15_000 }).toBe("degraded");
    const response = await gateway.request();
    expect(response.status).toBe(503);
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(response.headers.getSetCookie()).toEqual([]);
  }, 60_000);

  it("a draining instance is not ready, also during an outage", async () => {
    const redis = await openRedis();
    const gateway = await start(redis);
    await gateway.becomesReady();
    await redis.kill();
    gateway.child.kill("SIGTERM");
    await expect.poll(async () => (await gateway.readyz())?.status, { timeout: 10_000 }).toBe(503);
  }, 60_000);
});

describe("/readyz before the first readiness", () => {
  it("an instance without Redis is not ready, also after a metrics scrape", async () => {
    const redis = await openRedis();
    await redis.kill();
    const gateway = await start(redis);
    await expect.poll(async () => (await gateway.readyz())?.status, { timeout: 30_000 }).toBe(503);
    expect(await gateway.dependencyUp("store")).toBe("0");
    expect(await gateway.livez()).toBe(200);
    expect((await gateway.readyz())?.status).toBe(503);
    await redis.start();
    await gateway.becomesReady();
  }, 90_000);
});

describe("the readiness report", () => {
  const results: Record<string, CheckResult> = {};
  const checks = ["store", "workers"].map((name) => ({ name, check: async () => results[name]! }));
  const report = (first: CheckResult, then: CheckResult) => {
    const readiness = createReadiness({ checks: () => checks, isDraining: () => false, words: VARIABLES });
    results["workers"] = { status: "ok" };
    results["store"] = first;
    return readiness().then(() => {
      results["store"] = then;
      return readiness();
    });
  };

  test.each<[string, CheckResult, CheckResult, { takesRequests: boolean; status: string }]>([
    [
      "failed first and failed now",
      { status: "failed" },
      { status: "failed" },
      { takesRequests: false, status: "failed" },
    ],
    ["ok first and failed now", { status: "ok" }, { status: "failed" }, { takesRequests: true, status: "degraded" }],
    [
      "degraded first and failed now",
      { status: "degraded" },
      { status: "failed" },
      { takesRequests: true, status: "degraded" },
    ],
    [
      "failed first and degraded now",
      { status: "failed" },
      { status: "degraded" },
      { takesRequests: true, status: "degraded" },
    ],
    [
      "ok first and a fault of the instance itself now",
      { status: "ok" },
      { status: "failed", scope: "instance" },
      { takesRequests: false, status: "failed" },
    ],
  ])(
    "the readiness report follows the first and the current result of a check: %s",
    async (_case, first, then, expected) => expect(await report(first, then)).toMatchObject(expected),
  );

  it("a hanging check fails with its time-out", async () => {
    const hanging = { name: "store", check: () => new Promise<never>(() => undefined) };
    expect((await checkAll([hanging], 20)).checks["store"]?.detail).toBe("No result within 20 ms.");
  });
});
