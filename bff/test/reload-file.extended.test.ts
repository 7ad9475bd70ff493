// Reload of cloakroom.yaml by the real process: on change and on SIGHUP, with one process and with workers.
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Agent, request } from "undici";
import { startConfiguredProcess, startGatewayProcess } from "@cloakroom/testkit/gateway-process.ts";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";

const stops: (() => unknown)[] = [];
let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});
afterAll(() => redis.stop());

type File = { apis: string[]; more?: object; port?: string };
type Report = { status: string; configuration?: string; checks: Record<string, { status: string; detail?: string }> };

async function startApi(name: string): Promise<string> {
  const api = createServer((_request, response) => response.end(name)).listen(0, "127.0.0.1");
  await once(api, "listening");
  stops.push(() => api.close());
  return `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
}

/** Applications `app-0`, `app-1` … with a public API each. */
function contentOf({ apis, more = {} }: File): string {
  return JSON.stringify({
    ...{ redis: { url: redis.url }, drainSeconds: 1, log: { level: "info" } },
    provider: { issuer: "http://127.0.0.1:1", clientId: "test", clientSecret: "a-client-secret-for-tests" },
    ...more,
    applications: apis.map((baseUrl, index) => ({
      id: `app-${index}`,
      origin: `http://127.0.0.${index + 1}:3000`,
      upstreams: [{ prefix: "/api", baseUrl, access: "public", csrf: "none", token: "none" }],
    })),
  });
}

async function start(content: File, env: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "cloakroom-reload-"));
  const file = join(folder, "cloakroom.yaml");
  writeFileSync(file, contentOf(content));
  const gateway = await startConfiguredProcess(file, env);
  stops.push(() => rmSync(folder, { recursive: true }), gateway.kill);
  const readyz = async (): Promise<Report | undefined> => {
    const response = await fetch(`http://127.0.0.1:${gateway.managementPort}/readyz`).catch(() => undefined);
    return response && ((await response.json()) as Report);
  };
  const agents = new Set<Agent>();
  stops.push(() => Promise.all([...agents].map((agent) => agent.close())));
  return {
    ...gateway,
    readyz,
    write: (next: File | string) => writeFileSync(file, typeof next === "string" ? next : contentOf(next)),
    /** On a connection of its own, so that each worker gets its turn. */
    async ask(index: number): Promise<string> {
      const agent = new Agent({ pipelining: 0 });
      agents.add(agent);
      const headers = { host: `127.0.0.${index + 1}:3000`, connection: "close" };
      const response = await request(`http://127.0.0.1:${gateway.port}/api/x`, { dispatcher: agent, headers });
      const text = await response.body.text();
      return response.statusCode === 200 ? text : String(response.statusCode);
    },
    /** The responses of several requests: of all workers. */
    async askAll(index: number): Promise<string[]> {
      const seen = new Set<string>();
      for (let count = 0; count < 8; count++) seen.add(await this.ask(index));
      return [...seen].toSorted();
    },
    messages: () =>
      gateway
        .output()
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line) as { msg: string; reason?: string }),
    untilServing: () =>
      expect.poll(async () => (await readyz())?.configuration, { timeout: 45_000 }).toMatch(/^[0-9a-f]{16}$/),
    workers: () =>
      execFileSync("pgrep", ["-P", String(gateway.child.pid)], { encoding: "utf8" })
        .trim()
        .split("\n"),
  };
}

describe.each([{ workers: "1" }, { workers: "2" }])(
  "with $workers process(es)",
  { timeout: 120_000 },
  ({ workers }) => {
    const env = { WORKERS: workers };
    const serving = async (content: File) => {
      const gateway = await start(content, env);
      await gateway.untilServing();
      await expect.poll(() => gateway.askAll(0), { timeout: 45_000 }).toEqual(["before"]);
      return gateway;
    };

    it("a change of the file is applied by itself", async () => {
      const [before, after] = [await startApi("before"), await startApi("after")];
      const gateway = await serving({ apis: [before, before] });
      const hash = (await gateway.readyz())?.configuration;
      gateway.write({ apis: [before, after, after] });
      await expect.poll(() => gateway.askAll(2), { timeout: 30_000 }).toEqual(["after"]);
      expect(await gateway.askAll(1)).toEqual(["after"]);
      expect(await gateway.askAll(0)).toEqual(["before"]);
      // The supervisor reports it after its workers have applied it.
      await expect
        .poll(() => gateway.messages().find(({ msg }) => msg === "configuration applied"))
        .toMatchObject({ reason: "added: app-2; changed: app-1" });
      expect((await gateway.readyz())?.configuration).not.toBe(hash);
      const metrics = await (await fetch(`http://127.0.0.1:${gateway.managementPort}/metrics`)).text();
      expect(metrics).toMatch(/^cloakroom_configuration_reloads_total\{outcome="applied"\} 1$/m);
      expect(metrics.match(/^cloakroom_configuration_info\{/gm)).toHaveLength(1);
    });

    it("SIGHUP applies the file at once", async () => {
      const [before, after] = [await startApi("before"), await startApi("after")];
      const gateway = await serving({ apis: [before] });
      gateway.write({ apis: [after] });
      gateway.child.kill("SIGHUP");
      await expect.poll(() => gateway.askAll(0), { timeout: 30_000 }).toEqual(["after"]);
    });

    it("an invalid file is reported and ignored, until it is repaired", async () => {
      const [before, after] = [await startApi("before"), await startApi("after")];
      const gateway = await serving({ apis: [before] });
      gateway.write("applications:\n  - id: [\n");
      gateway.child.kill("SIGHUP");
      const check = async () => (await gateway.readyz())?.checks["configuration"];
      await expect.poll(check, { timeout: 30_000 }).toMatchObject({ status: "degraded" });
      expect((await check())?.detail).toMatch(/cloakroom\.yaml:\d/);
      expect(await gateway.askAll(0)).toEqual(["before"]);
      expect(
        gateway.messages().some(({ msg }) => msg === "configuration rejected, the running one remains in use"),
      ).toBe(true);
      gateway.write({ apis: [after] });
      await expect.poll(check, { timeout: 30_000 }).toEqual({ status: "ok" });
      expect(await gateway.askAll(0)).toEqual(["after"]);
    });

    it("a change of the process's settings is rejected as a whole", async () => {
      const [before, after] = [await startApi("before"), await startApi("after")];
      const gateway = await serving({ apis: [before] });
      gateway.write({ apis: [after], more: { limits: { connections: 17 } } });
      gateway.child.kill("SIGHUP");
      const rejected = () => gateway.messages().filter(({ msg }) => msg.startsWith("configuration rejected"));
      await expect
        .poll(() => rejected().map(({ reason }) => reason), { timeout: 30_000 })
        .toContain("limits.connections has changed. Restart the gateway to apply it");
      expect(await gateway.askAll(0)).toEqual(["before"]);
    });
  },
);

describe("with workers", { timeout: 120_000 }, () => {
  it.each([
    ["is invalid", () => "applications: ["],
    ["needs a restart", (after: string) => contentOf({ apis: [after], more: { limits: { connections: 17 } } })],
  ])("a worker that is restarted while the file %s serves what the others serve", async (_what, next) => {
    const [before, after] = [await startApi("before"), await startApi("after")];
    const gateway = await start({ apis: [before] }, { WORKERS: "2" });
    await gateway.untilServing();
    await expect.poll(() => gateway.askAll(0), { timeout: 45_000 }).toEqual(["before"]);
    gateway.write(next(after));
    gateway.child.kill("SIGHUP");
    await expect
      .poll(async () => (await gateway.readyz())?.checks["configuration"]?.status, { timeout: 30_000 })
      .toBe("degraded");
    const [first] = gateway.workers();
    process.kill(Number(first), "SIGKILL");
    await expect
      .poll(() => (gateway.workers().includes(first!) ? 0 : gateway.workers().length), { timeout: 30_000 })
      .toBe(2);
    await expect
      .poll(async () => (await gateway.readyz())?.checks["workers"]?.detail ?? "", { timeout: 45_000 })
      .not.toMatch(/^1 of 2/);
    expect(await gateway.askAll(0)).toEqual(["before"]);
    expect(gateway.child.exitCode).toBeNull();
  });
});

it("without a configuration file SIGHUP ends the process", { timeout: 60_000 }, async () => {
  const gateway = await startGatewayProcess();
  stops.push(gateway.kill);
  await expect.poll(() => gateway.output(), { timeout: 45_000 }).toContain("listening");
  gateway.child.kill("SIGHUP");
  await gateway.exited;
  expect(gateway.child.signalCode).toBe("SIGHUP");
});
