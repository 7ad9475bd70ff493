// Renders the results as Markdown.
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { join } from "node:path";
import { goals } from "./goals.ts";
import type { Results } from "./results.ts";
import type { ScalingRow } from "./scaling.ts";
import type { Transfer } from "./memory.ts";
import type { Row } from "./rounds.ts";
import { median, ratios, spread } from "./statistics.ts";

type Plan = { connections: readonly number[]; rounds: number; seconds: number; sessions: number; minutes: number };

export function report(results: Results, plan: Plan): string {
  const parts = [
    ...conditions(results, plan),
    ...goals(results),
    ...plan.connections.flatMap((connections) => loadTable(results, connections)),
    ...otherTable(results),
    ...overloadTable(results),
    ...scalingLines(results),
  ];
  return parts.join("\n");
}

function conditions({ load, upstream, measured, missing }: Results, plan: Plan): string[] {
  const { rounds, seconds, sessions, minutes } = plan;
  const date = new Date().toISOString().slice(0, 10);
  const machine = `${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GB`;
  return [
    `${date}, ${machine}, Linux, Node ${process.versions.node}. ${rounds} alternating rounds of ${seconds} s per number ` +
      `of connections after up to 40,000 warm-up requests; median (lowest to highest). ${sessions} sessions, logged in at the demo ` +
      `provider, in turn. Load generator: ${load}. API: ${upstream}, which rejects requests without a bearer. Load generator, API, ` +
      `Redis and provider share the machine with the measured program; ${minutes.toFixed(0)} minutes in all.`,
    "",
    ...measured.map(({ contestant: { name, about } }) => `- **${name}**: ${about}.`),
    ...missing.map(({ name, reason }) => `- **${name}**: missing, ${reason.trim()}.`),
    "",
  ];
}

function loadTable({ measured }: Results, connections: number): string[] {
  const floor = measured[0]?.rows.get(connections) ?? [];
  const lines = measured.map(({ contestant: { name }, rows: byConnections }) => {
    const rows = byConnections.get(connections) ?? [];
    const of = (value: (row: Row) => number, digits = 0): string => median(rows.map(value)).toFixed(digits);
    const relative = (value: (row: Row) => number): string => median(ratios(rows, floor, value)).toFixed(2);
    const failed = rows.reduce((sum, row) => sum + row.failures, 0);
    return (
      `| ${name}${failed === 0 ? "" : ` (${failed} failed)`} | ${of(throughput)} (${spread(rows.map(throughput))}) | ` +
      `${of((row) => row.p50Ms, 2)} | ${of((row) => row.p99Ms, 2)} | ${relative((row) => row.p99Ms)} | ` +
      `${of(cpu)} (${spread(rows.map(cpu))}) | ${relative(cpu)} | ${of((row) => row.redisMicrosecondsPerRequest, 1)} | ` +
      `${of((row) => row.residentBytes / 1e6)} |`
    );
  });
  return [
    `### ${connections} ${connections === 1 ? "connection" : "connections"}`,
    "",
    "| | requests/s | p50 ms | p99 ms | p99, bare = 1 | CPU µs/request | CPU, bare = 1 | Redis CPU µs/request | resident MB |",
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ...lines,
    "",
  ];
}

const throughput = (row: Row): number => row.requests / row.seconds;
const cpu = (row: Row): number => row.cpuMicrosecondsPerRequest;

function otherTable({ measured, streams, bodies, logins }: Results): string[] {
  const lines = measured.map(({ contestant: { id, name } }) => {
    const stream = streams?.get(id);
    const body = bodies?.get(id);
    const login = logins?.get(id);
    const cells = [
      stream === undefined ? "–" : (stream.restBytes / 1e6).toFixed(0),
      stream === undefined ? "–" : `${(stream.bytesPerStream / 1000).toFixed(1)} (${stream.streams})`,
      transfer(body?.down),
      transfer(body?.up),
      login === undefined ? "–" : login.perSecond.toFixed(0),
      login === undefined ? "–" : login.cpuMsPerLogin.toFixed(1),
    ];
    return `| ${name} | ${cells.join(" | ")} |`;
  });
  return [
    "### Memory, bodies, logins",
    "",
    "| | resident MB, at rest | kB per idle event stream (streams) | 100 MB down: s, MB growth | 100 MB up: s, MB growth | logins/s | CPU ms/login |",
    "|---|--:|--:|--:|--:|--:|--:|",
    ...lines,
    "",
  ];
}

function transfer(body: Transfer | undefined): string {
  return body === undefined ? "–" : `${body.seconds.toFixed(1)}, ${(body.growthBytes / 1e6).toFixed(0)}`;
}

function overloadTable({ overload }: Results): string[] {
  if (overload === undefined) return [];
  return [
    "### Overload",
    "",
    "Cloakroom with 32 connections of normal traffic, beside:",
    "",
    "| | requests/s | p50 ms | p99 ms | resident MB |",
    "|---|--:|--:|--:|--:|",
    ...overload.map(
      ({ name, row, residentBytes }) =>
        `| ${name} | ${throughput(row).toFixed(0)} | ${row.p50Ms.toFixed(2)} | ${row.p99Ms.toFixed(2)} | ${(residentBytes / 1e6).toFixed(0)} |`,
    ),
    "",
  ];
}

function scalingLines({ scaling }: Results): string[] {
  if (scaling === undefined) return [];
  const { one, two, shareOfCore } = scaling;
  const cores = (row: { cores: number[] }): string => row.cores.map((share) => share.toFixed(2)).join(" + ");
  const perCpuSecond = (row: ScalingRow): string =>
    (row.requestsPerSecond / row.cores.reduce((sum, share) => sum + share, 0)).toFixed(0);
  return [
    "### Two workers",
    "",
    `Load generator, API and Redis leave too little of ${availableParallelism()} cores for a second worker. Therefore each worker ` +
      `is stopped and continued every 20 ms so that it gets about ${shareOfCore} of a core: one worker serves ` +
      `${one.requestsPerSecond.toFixed(0)} requests/s with ${cores(one)} cores, two serve ${two.requestsPerSecond.toFixed(0)} with ${cores(two)}: ` +
      `${(two.requestsPerSecond / one.requestsPerSecond).toFixed(2)} times as many. Requests per CPU second: ` +
      `${perCpuSecond(one)} with one worker, ${perCpuSecond(two)} with two.`,
    "",
  ];
}

export function writeTables(tables: string): void {
  const file = join(import.meta.dirname, "../../docs/development/performance.md");
  const text = readFileSync(file, "utf8");
  const [start, end] = ["<!-- bench -->", "<!-- end of bench -->"];
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from === -1 || to === -1) throw new Error("docs/development/performance.md has lost its markers");
  writeFileSync(file, `${text.slice(0, from)}${start}\n\n${tables}\n${text.slice(to)}`);
}
