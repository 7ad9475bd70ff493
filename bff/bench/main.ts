// npm run bench: the gateway beside a bare proxy and the usual tutorial gateway, in one run on one upstream.
// Alternating rounds, medians; the table goes to standard output, or into docs/performance.md with --write.
import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../demo/src/free-port.ts";
import { startProvider } from "../../demo/src/provider/start-provider.ts";
import { startRedisServer } from "../../demo/src/redis-server.ts";
import { formBrowser } from "../../demo/test/form-browser.ts";
import { testBrowser } from "../test/support/browser.ts";
import { startContestant, type Contestant } from "./contestant.ts";
import type { LoadOrder, LoadResult } from "./load.ts";
import { bodyTable, type BodyRow } from "./bodies.ts";

const CONNECTIONS = (process.env["BENCH_CONNECTIONS"] ?? "1,32,256").split(",").map(Number);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);
const SECONDS = Number(process.env["BENCH_SECONDS"] ?? 4);
const GATEWAY = "../src/main.ts";
/** Another checkout's gateway, e.g. bff/src/main.ts of a worktree: what a change costs or saves, in the same run. */
const OTHER = process.env["BENCH_OTHER"];
const CLIENT = { clientId: "cloakroom", clientSecret: "a-client-secret-for-the-bench" };

type Row = LoadResult & { cpuMicrosecondsPerRequest: number; rssBytes: number };
type Measured = { contestant: Contestant; headers: Record<string, string>; rows: Map<number, Row[]> };

const upstreamPort = await freePort();
const upstream = await startContestant({ name: "upstream", file: "upstream.ts", env: { PORT: String(upstreamPort) } });
const redis = await startRedisServer();
const gatewayPorts = [await freePort(), await freePort(), await freePort()] as const;
const provider = await startProvider({
  port: 0,
  passwordCost: 1_024,
  lifetimes: { accessTokenSeconds: 3_600 },
  clients: [{ ...CLIENT, redirectUris: gatewayPorts.map((port) => `http://localhost:${port}/bff/callback`) }],
});
const upstreamUrl = `http://127.0.0.1:${upstreamPort}`;
const loader = fork(join(import.meta.dirname, "load.ts"));

try {
  // In a process of its own: none of the others has had such bodies when it is measured.
  const bodies = await bodiesThrough(await gateway("Cloakroom, bodies", GATEWAY, gatewayPorts[2]));
  const measured = [
    await bareProxy(),
    await gateway("Cloakroom", GATEWAY, gatewayPorts[0]),
    ...(OTHER === undefined ? [] : [await gateway("Cloakroom (other)", OTHER, gatewayPorts[1])]),
    await tutorialGateway(),
  ];
  for (const connections of CONNECTIONS)
    for (let round = 0; round < ROUNDS + 1; round++)
      for (const each of measured) {
        const row = await measure(each, connections);
        // The first round warms up: code is compiled, connections are open.
        if (round > 0) each.rows.set(connections, [...(each.rows.get(connections) ?? []), row]);
      }
  report(measured, bodies);
  for (const { contestant } of measured) await contestant.stop();
} finally {
  loader.kill();
  await upstream.stop();
  await provider.stop();
  await redis.stop();
}

async function bodiesThrough({ contestant, headers }: Measured): Promise<BodyRow[]> {
  const rows = await bodyTable(contestant, headers);
  await contestant.stop();
  return rows;
}

async function bareProxy(): Promise<Measured> {
  const contestant = await startContestant({
    name: "bare http + undici",
    file: "bare-proxy.ts",
    env: { UPSTREAM: upstreamUrl },
  });
  return { contestant, headers: {}, rows: new Map() };
}

async function gateway(name: string, file: string, port: number): Promise<Measured> {
  const contestant = await startContestant({
    name,
    file,
    env: {
      PORT: String(port),
      MANAGEMENT_PORT: String(await freePort()),
      PUBLIC_ORIGIN: `http://localhost:${port}`,
      OIDC_ISSUER: provider.issuer,
      OIDC_CLIENT_ID: CLIENT.clientId,
      OIDC_CLIENT_SECRET: CLIENT.clientSecret,
      SECRET_KEYS: Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url"),
      REDIS_URL: redis.url,
      UPSTREAMS: `/api=${upstreamUrl}`,
    },
    until: untilItLogsIn,
  });
  const browser = testBrowser(contestant.origin, atProvider);
  const { status } = await browser.login();
  if (status !== 303) throw new Error(`the login answered ${status}`);
  const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  return { contestant, headers: { cookie, "x-csrf": "1", "sec-fetch-site": "same-origin" }, rows: new Map() };
}

async function tutorialGateway(): Promise<Measured> {
  const contestant = await startContestant({
    name: "tutorial gateway",
    file: "tutorial-gateway.ts",
    env: { UPSTREAM: upstreamUrl, REDIS_URL: redis.url },
  });
  const response = await fetch(`${contestant.origin}/login`);
  const cookie = response.headers
    .getSetCookie()
    .map((line) => line.split(";")[0])
    .join("; ");
  return { contestant, headers: { cookie }, rows: new Map() };
}

async function untilItLogsIn(origin: string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const response = await testBrowser(origin)
      .navigate("/bff/login")
      .catch(() => undefined);
    if (response?.status === 303) return;
    await sleep(100);
  }
  throw new Error("the gateway does not answer");
}

/** Fills in the provider's login form. */
async function atProvider(authorizationUrl: string): Promise<string> {
  const person = formBrowser({ stopAt: /\/bff\/callback/ });
  const page = await person.open(authorizationUrl);
  return (await person.submit(page, { username: "alice", password: "alice-demo-password" })).url;
}

async function measure({ contestant, headers }: Measured, connections: number): Promise<Row> {
  const before = await contestant.usage();
  const order: LoadOrder = {
    origin: contestant.origin,
    path: "/api/protected",
    headers,
    connections,
    seconds: SECONDS,
  };
  loader.send(order);
  const [result] = (await once(loader, "message")) as [LoadResult & { error?: string }];
  if (result.error !== undefined) throw new Error(`${contestant.name}: ${result.error}`);
  if (result.failures > 0)
    throw new Error(`${contestant.name}: ${result.failures} of ${result.requests} requests failed`);
  const after = await contestant.usage();
  return {
    ...result,
    rssBytes: after.rssBytes,
    cpuMicrosecondsPerRequest: (after.cpuMicroseconds - before.cpuMicroseconds) / result.requests,
  };
}

function report(measured: readonly Measured[], bodies: readonly BodyRow[]): void {
  const lines = [
    `${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores, Node ${process.versions.node}, ` +
      `${ROUNDS} alternating rounds of ${SECONDS} s after one to warm up, medians (lowest to highest); load, upstream, Redis and provider share the machine.`,
    "",
    "| connections | | requests/s | p50 ms | p99 ms | CPU µs/request | CPU, bare = 1 | RSS MB |",
    "|--:|---|--:|--:|--:|--:|--:|--:|",
  ];
  for (const connections of CONNECTIONS) {
    const floors = measured[0]?.rows.get(connections) ?? [];
    for (const { contestant, rows } of measured) {
      const of = (value: (row: Row) => number) => median(rows.get(connections), value);
      const cpu = of((row) => row.cpuMicrosecondsPerRequest);
      // Each round against its own floor: a machine whose speed drifts changes both alike.
      const ratio = median(rows.get(connections), (row, round) => row.cpuMicrosecondsPerRequest / cpuOf(floors[round]));
      lines.push(
        `| ${connections} | ${contestant.name} | ${of((row) => row.requests / row.seconds).toFixed(0)} | ` +
          `${of((row) => row.p50Ms).toFixed(2)} | ${of((row) => row.p99Ms).toFixed(2)} | ` +
          `${cpu.toFixed(0)} (${spread(rows.get(connections))}) | ${ratio.toFixed(2)} | ${of((row) => row.rssBytes / 1e6).toFixed(0)} |`,
      );
    }
  }
  lines.push("", "| through the gateway | seconds | RSS before MB | highest RSS MB |", "|---|--:|--:|--:|");
  for (const { name, seconds, beforeMb, peakMb } of bodies)
    lines.push(`| ${name} | ${seconds.toFixed(1)} | ${beforeMb.toFixed(0)} | ${peakMb.toFixed(0)} |`);
  const table = lines.join("\n");
  console.log(table);
  if (process.argv.includes("--write")) writeTable(table);
}

function cpuOf(row: Row | undefined): number {
  return row?.cpuMicrosecondsPerRequest ?? Number.NaN;
}

function median<T>(rows: readonly T[] | undefined, value: (row: T, at: number) => number): number {
  const values = (rows ?? []).map(value).toSorted((a, b) => a - b);
  return values[Math.floor(values.length / 2)] ?? Number.NaN;
}

function spread(rows: readonly Row[] | undefined): string {
  const values = (rows ?? []).map((row) => row.cpuMicrosecondsPerRequest);
  return `${Math.min(...values).toFixed(0)}–${Math.max(...values).toFixed(0)}`;
}

function writeTable(table: string): void {
  const file = join(import.meta.dirname, "../../docs/performance.md");
  const text = readFileSync(file, "utf8");
  const [start, end] = ["<!-- bench -->", "<!-- end of bench -->"];
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from === -1 || to === -1) throw new Error("docs/performance.md has lost its markers");
  writeFileSync(file, `${text.slice(0, from)}${start}\n${table}\n${text.slice(to)}`);
}
