import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { createManagementServer } from "../../src/management/management-server.ts";
import { createMetrics } from "../../src/metrics/metrics.ts";
import type { ReadinessCheck } from "../../src/metrics/dependency-check.ts";
import { VARIABLES } from "../../src/config/setting-words.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

async function start(checks: ReadinessCheck[], isDraining = () => false) {
  const metrics = createMetrics();
  const server = createManagementServer({
    identity: () => ({ application: "shop" }),
    ...{ metrics, checks: () => checks, isDraining, words: VARIABLES, checkTimeoutMs: 50 },
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { metrics, get: (path: string, method = "GET") => fetch(`http://127.0.0.1:${port}${path}`, { method }) };
}

const ok: ReadinessCheck = { name: "store", check: async () => ({ status: "ok" }) };

test("/livez is 200 although a check fails", async () => {
  const { get } = await start([{ name: "store", check: async () => ({ status: "failed" }) }]);
  expect((await get("/livez")).status).toBe(200);
});

test("/readyz is 200 while no check has failed, and reports the degraded ones", async () => {
  const degraded: ReadinessCheck = {
    name: "provider",
    check: async () => ({ status: "degraded", detail: "OIDC_ISSUER does not respond." }),
  };
  const { get } = await start([ok, degraded]);
  const response = await get("/readyz");
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({
    status: "degraded",
    application: "shop",
    checks: { store: { status: "ok" }, provider: { status: "degraded", detail: "OIDC_ISSUER does not respond." } },
  });
});

test.each([
  ["fails", async () => ({ status: "failed", detail: "REDIS_URL does not respond." }) as const],
  ["never resolves", () => new Promise<never>(() => {})],
  ["throws", () => Promise.reject(new Error("redis://:canary-password@host"))],
])("/readyz is 503 and shows no secret if a check %s before the first readiness", async (_name, check) => {
  const { get } = await start([ok, { name: "store", check }]);
  const response = await get("/readyz");
  expect(response.status).toBe(503);
  const text = await response.text();
  expect(JSON.parse(text)).toMatchObject({ status: "failed" });
  expect(text).not.toContain("canary");
});

test("/readyz is 503 while the instance drains", async () => {
  const { get } = await start([ok], () => true);
  expect((await get("/readyz")).status).toBe(503);
  expect((await get("/livez")).status).toBe(200);
});

test("/metrics has no label values chosen by a browser", async () => {
  const { get, metrics } = await start([]);
  metrics.of("shop").request({ route: "upstream", method: "BREW", status: 418, durationMs: 5, code: undefined });
  metrics
    .of("shop")
    .request({ route: "upstream", method: "GET", status: 503, durationMs: 5, code: "store_unavailable" });
  metrics.of("shop").refresh("rejected");
  metrics.of("shop").login("completed");
  const text = await (await get("/metrics")).text();
  expect(text).toContain('cloakroom_requests_total{route="upstream",method="other",status="4xx",application="shop"} 1');
  expect(text).toContain('cloakroom_errors_total{code="store_unavailable",application="shop"} 1');
  expect(text).toContain('cloakroom_refreshes_total{outcome="rejected",application="shop"} 1');
  expect(text).toContain('cloakroom_logins_total{outcome="completed",application="shop"} 1');
  expect(text).toContain("cloakroom_nodejs_eventloop_lag_seconds");
});

test("other paths are 404 and other methods 405", async () => {
  const { get } = await start([]);
  for (const path of ["/", "/readyz/x", "/metrics/..", "/debug", "/bff/user"])
    expect((await get(path)).status).toBe(404);
  expect((await get("/livez", "POST")).status).toBe(405);
  expect(await (await get("/readyz", "HEAD")).text()).toBe("");
});

test("the duration histogram has cumulative buckets and excludes WebSockets", async () => {
  const { get, metrics } = await start([ok]);
  const finished = { route: "upstream", method: "GET", code: undefined } as const;
  for (const durationMs of [5, 5.1, 40, 61_000]) metrics.of("shop").request({ ...finished, status: 200, durationMs });
  metrics.of("shop").request({ ...finished, status: 101, durationMs: 3_600_000 });
  const text = await (await get("/metrics")).text();
  const valueOf = (series: string) =>
    text
      .split("\n")
      .find((line) => line.startsWith(`cloakroom_request_duration_seconds_${series} `))
      ?.split(" ")[1];
  const bucket = (le: string) => valueOf(`bucket{le="${le}",route="upstream",application="shop"}`);
  expect(["0.005", "0.01", "0.05", "60", "+Inf"].map(bucket)).toEqual(["1", "2", "3", "3", "4"]);
  expect(valueOf('count{route="upstream",application="shop"}')).toBe("4");
  expect(Number(valueOf('sum{route="upstream",application="shop"}'))).toBeCloseTo(61.0501);
  expect(text).toContain('cloakroom_requests_total{route="upstream",method="GET",status="1xx",application="shop"} 1');
  expect(text).toContain("# TYPE cloakroom_request_duration_seconds histogram");
});
