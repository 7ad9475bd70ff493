// Scaling from one to two workers. On a small machine load, API and Redis need the CPU of the second worker. Each worker is
// therefore limited to the same share of a core by SIGSTOP and SIGCONT, so that the gateway is the bottleneck.
import { setTimeout as sleep } from "node:timers/promises";
import type { Contestant } from "./contestant.ts";
import type { Load } from "./load.ts";
import { cpuMicroseconds, pidsOf } from "./processes.ts";
import type { Measured } from "./rounds.ts";
import type { BenchEnvironment } from "./contestant.ts";

export type ScalingRow = { name: string; requestsPerSecond: number; cores: number[] };
export type Scaling = { shareOfCore: number; one: ScalingRow; two: ScalingRow };

type ScalingOptions = Pick<Measured, "running" | "heads"> & { load: Load; environment: BenchEnvironment };
type Fresh = (contestant: Contestant, measure: (parts: ScalingOptions) => Promise<void>) => Promise<void>;

const SHARE = 0.3;
const PERIOD_MS = 20;
const SECONDS = 5;
const CONNECTIONS = 128;

export async function measureScaling(
  pair: readonly [Contestant, Contestant],
  fresh: Fresh,
): Promise<Scaling | undefined> {
  const rows: ScalingRow[] = [];
  for (const contestant of pair)
    await fresh(contestant, async (parts) => void rows.push(await measureThrottled(contestant.name, parts)));
  const [one, two] = rows;
  return one === undefined || two === undefined ? undefined : { shareOfCore: SHARE, one, two };
}

async function measureThrottled(name: string, { running, heads, load }: ScalingOptions): Promise<ScalingRow> {
  const order = { origin: running.origin, path: "/api/protected", heads, connections: CONNECTIONS };
  await load.run({ ...order, seconds: 3 });
  const pids = pidsOf(running);
  const before = pids.map((pid) => cpuMicroseconds([pid]));
  // The busiest processes are the workers; the primary uses little CPU.
  const release = throttle(pids);
  const { requests, seconds } = await load.run({ ...order, seconds: SECONDS });
  await release();
  const cores = pids.map((pid, index) => (cpuMicroseconds([pid]) - (before[index] ?? 0)) / 1e6 / seconds);
  return { name, requestsPerSecond: requests / seconds, cores: cores.filter((share) => share > 0.02) };
}

/** @returns a function that ends the throttling */
function throttle(pids: readonly number[]): () => Promise<void> {
  let isRunning = true;
  const turns = pids.map(async (pid, index) => {
    // Staggered, so that the workers do not pause at the same time.
    await sleep((index * PERIOD_MS) / pids.length);
    while (isRunning) {
      process.kill(pid, "SIGSTOP");
      await sleep(PERIOD_MS * (1 - SHARE));
      process.kill(pid, "SIGCONT");
      await sleep(PERIOD_MS * SHARE);
    }
  });
  return async () => {
    isRunning = false;
    await Promise.all(turns);
  };
}
