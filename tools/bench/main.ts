// Benchmark: the gateway beside a bare proxy and alternatives, in one run with one upstream.
// Usage: npm run bench -- [options]   (options.ts). Prints the tables; --write also writes docs/development/performance.md.
import { CONTESTANTS } from "./contestants/all.ts";
import { Missing, type Contestant, type Running } from "./contestant.ts";
import { findLoad } from "./load.ts";
import { checkForwarding, logIn, waitForLogin } from "./login.ts";
import { measureLogins } from "./measure-logins.ts";
import { measureBodies, measureStreams } from "./memory.ts";
import { readOptions } from "./options.ts";
import { measureOverload } from "./overload.ts";
import { report, writeTables } from "./report.ts";
import type { Results } from "./results.ts";
import { measureRounds, type Measured } from "./rounds.ts";
import { measureScaling } from "./scaling.ts";
import type { BenchEnvironment } from "./contestant.ts";
import { startBenchEnvironment, USERS } from "./environment.ts";

if (process.platform !== "linux") throw new Error("the benchmark reads CPU time and memory from /proc: it needs Linux");
const options = readOptions();
const startedAt = Date.now();
const contestants = CONTESTANTS.filter(({ id }) => options.only?.includes(id) ?? true);
const load = findLoad();
const environment = await startBenchEnvironment(contestants);
const results: Results = { load: load.name, upstream: environment.upstreamName, measured: [], missing: [] };
// Stops all started processes.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

try {
  const measured = await startAll();
  results.measured = measured;
  logProgress("rounds of load");
  await measureRounds(measured, environment, load, options);
  logProgress("logins");
  results.logins = new Map();
  for (const { contestant, running } of measured)
    await attempt(contestant, async () => {
      results.logins?.set(contestant.id, await measureLogins(contestant, running, options.loginSeconds));
    });
  for (const { running } of measured) await running.stop();
  logProgress("memory");
  results.streams = new Map();
  results.bodies = new Map();
  for (const { contestant } of options.isShort ? measured.slice(0, 2) : measured) await measureFresh(contestant);
  if (!options.isShort) await measureGateways();
  const tables = report(results, { ...options, minutes: (Date.now() - startedAt) / 60_000 });
  console.log(tables);
  if (options.isWriting) writeTables(tables);
} finally {
  await environment.stop();
}

async function startAll(): Promise<Measured[]> {
  const all: Measured[] = [];
  for (const contestant of contestants) {
    logProgress(contestant.name);
    await attempt(contestant, async () => {
      const { running, heads } = await start(contestant, environment, options.sessions);
      all.push({ contestant, running, heads, rows: new Map() });
    });
  }
  return all;
}

/** Starts the contestant, logs the users in and checks that it forwards with their sessions only. */
async function start(
  contestant: Contestant,
  at: BenchEnvironment,
  sessions: number,
): Promise<Omit<Measured, "contestant" | "rows">> {
  const running = await contestant.start(at, at.ports.get(contestant.id) ?? 0);
  try {
    await waitForLogin(contestant, running);
    const heads: Record<string, string>[] = [];
    for (const user of USERS.slice(0, sessions))
      heads.push((await contestant.credentials?.(at)) ?? (await logIn(contestant, running, user)));
    for (const head of heads) await checkForwarding(contestant, running, head);
    return { running, heads };
  } catch (error) {
    await running.stop();
    throw error;
  }
}

/** Records a missing or failed contestant for the report and continues with the others. */
async function attempt({ name }: Contestant, measure: () => Promise<void>): Promise<void> {
  try {
    await measure();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    console.error(`${name}: ${error instanceof Missing ? reason : String((error as Error).stack)}`);
    results.missing.push({ name, reason });
  }
}

/** Uses a new process per measurement, so that one does not affect the other. */
async function measureFresh(contestant: Contestant): Promise<void> {
  await fresh(contestant, environment.bodiesUpstream, async (running, head) => {
    results.streams?.set(
      contestant.id,
      await measureStreams({ contestant, running, headers: head, load }, options.idleStreams),
    );
  });
  await fresh(contestant, environment.bodiesUpstream, async (running, head) => {
    results.bodies?.set(contestant.id, await measureBodies({ contestant, running, headers: head, load }));
  });
}

async function measureGateways(): Promise<void> {
  const byId = (wanted: string) => contestants.find(({ id }) => id === wanted);
  const [one, two] = [byId("cloakroom-cache"), byId("cloakroom-workers")];
  if (one === undefined) return;
  logProgress("overload");
  await fresh(one, environment.bodiesUpstream, async (running, head) => {
    results.overload = await measureOverload({ running, heads: [head], environment, load, seconds: options.seconds });
  });
  if (two === undefined) return;
  logProgress("two workers");
  results.scaling = await measureScaling([one, two], async (contestant, measure) =>
    fresh(contestant, environment.upstream, async (running, head) =>
      measure({ running, heads: [head], load, environment }),
    ),
  );
}

async function fresh(
  contestant: Contestant,
  upstream: string,
  measure: (running: Running, head: Record<string, string>) => Promise<void>,
): Promise<void> {
  await attempt(contestant, async () => {
    const { running, heads } = await start(contestant, { ...environment, upstream }, 1);
    try {
      await measure(running, heads[0] ?? {});
    } finally {
      await running.stop();
    }
  });
}

function logProgress(what: string): void {
  console.error(`${((Date.now() - startedAt) / 1000).toFixed(0).padStart(5)} s  ${what}`);
}
