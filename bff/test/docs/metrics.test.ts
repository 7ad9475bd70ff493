// docs/reference/metrics.md against the metrics that the gateway registers.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createAdminMetrics } from "../../src/metrics/admin-metrics.ts";
import { createMetrics } from "../../src/metrics/metrics.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/reference/metrics.md"), "utf8");
const rows = [...page.matchAll(/^\| `(cloakroom_\w+)` \| (counter|gauge|histogram) \|(.*?)\| .+ \|$/gm)];

type Sampled = { name: string; type: string; values: { labels: Record<string, unknown> }[] };

/** Every metric with at least one value, so that its labels are visible. Default metrics of prom-client are left out. */
async function registered(): Promise<Sampled[]> {
  const gateway = createMetrics();
  gateway.configuration("0123456789abcdef");
  gateway.reload("applied");
  const metrics = gateway.of("shop");
  metrics.request({ route: "upstream", method: "GET", status: 503, durationMs: 1, code: "store_unavailable" });
  metrics.refresh("renewed");
  metrics.login("completed");
  metrics.bearer("accepted");
  metrics.csrfRejected();
  metrics.rateLimit("/api", "limited");
  metrics.webSocketOpened();
  metrics.webSocketClosed("browser");
  metrics.sessionRead("hit");
  metrics.sessionChanged();
  metrics.sessionCacheWorks(true);
  metrics.registerDependencies(async () => ({ status: "ok", checks: { store: { status: "ok" } } }));
  metrics.registerEventStreams(() => 1);
  const address = { address: "http://orders", inFlight: 1, connections: 1, failures: 0, isCircuitOpen: false };
  metrics.registerUpstreams(() => [
    { upstream: "/api", outcomes: { complete: 1 }, retries: 1, queued: 1, addresses: [address] },
  ]);
  const admin = createAdminMetrics();
  admin.request(200);
  admin.rejected("admin_token_rejected");
  admin.ended(1);
  const sampled = [...(await gateway.snapshot()), ...(await admin.snapshot())] as Sampled[];
  // Requests without an application are counted by metrics of the same names.
  const byName = new Map(sampled.map((metric) => [metric.name, metric]));
  return [...byName.values()].filter(({ name }) => !/^cloakroom_(nodejs|process)_/.test(name));
}

it("the metrics reference lists every metric once, with its type", async () => {
  const listed = rows.map(([, name, type]) => `${name} ${type}`);
  expect(listed.toSorted()).toEqual((await registered()).map(({ name, type }) => `${name} ${type}`).toSorted());
});

it("the metrics reference names every label", async () => {
  const labelsByMetric = new Map(rows.map(([, name, , labels]) => [name, labels ?? ""]));
  for (const { name, values } of await registered()) {
    const labels = Object.keys(values[0]?.labels ?? {}).filter((label) => label !== "le" && label !== "application");
    for (const label of labels)
      expect([name, labelsByMetric.get(name)]).toEqual([name, expect.stringContaining(`\`${label}\``)]);
  }
});

it("the alert rules use only metrics that exist", async () => {
  const names = new Set((await registered()).map(({ name }) => name));
  const used = [...page.matchAll(/^\s+expr: (.+)$/gm)].flatMap(([, expr = ""]) => expr.match(/cloakroom_\w+/g) ?? []);
  expect(used.length).toBeGreaterThan(5);
  expect(used.filter((name) => !names.has(name))).toEqual([]);
});

it("every series of an application has the label application, and those of the process have none", async () => {
  expect(page).toContain("Every series of an application has the label `application`");
  for (const { name, values } of await registered()) {
    const ids = values.map(({ labels }) => labels["application"]);
    if (ids.length === 0) continue;
    const isOfProcess = /^cloakroom_(configuration|admin)_/.test(name);
    expect([name, new Set(ids)]).toEqual([name, new Set([isOfProcess ? undefined : "shop"])]);
  }
});
