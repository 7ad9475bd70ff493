// Alternating rounds: every contestant is measured at every load level in every round, so that a drift of the machine's
// speed affects all alike.
import type { Contestant, Running } from "./contestant.ts";
import type { Load, LoadResult } from "./load.ts";
import { cpuMicroseconds, pidsOf, residentBytes } from "./processes.ts";
import type { BenchEnvironment } from "./contestant.ts";

export type Row = LoadResult & {
  cpuMicrosecondsPerRequest: number;
  redisMicrosecondsPerRequest: number;
  residentBytes: number;
};
export type Measured = {
  contestant: Contestant;
  running: Running;
  /** Request headers of the logged-in users. */
  heads: readonly Record<string, string>[];
  /** Number of connections → one row per round. */
  rows: Map<number, Row[]>;
};
type Plan = { connections: readonly number[]; rounds: number; seconds: number };

export async function measureRounds(
  all: readonly Measured[],
  environment: BenchEnvironment,
  load: Load,
  plan: Plan,
): Promise<void> {
  const { connections, rounds, seconds } = plan;
  for (const each of all) await warmUp(each, load, seconds);
  for (const count of connections)
    for (let round = 0; round < rounds; round++)
      for (const each of rotated(all, round)) {
        const row = await measureOnce(each, environment, load, { connections: count, seconds });
        each.rows.set(count, [...(each.rows.get(count) ?? []), row]);
      }
}

/** Rotates the order per round, because the preceding measurement affects the next one. */
function rotated<T>(all: readonly T[], round: number): readonly T[] {
  const first = round % all.length;
  return [...all.slice(first), ...all.slice(0, first)];
}

/** V8 compiles in the background during the first tens of thousands of requests, which costs CPU time. */
const WARM_REQUESTS = 40_000;
const MAX_WARM_ROUNDS = 4;

async function warmUp({ running, heads }: Measured, load: Load, seconds: number): Promise<void> {
  let requests = 0;
  for (let round = 0; round < MAX_WARM_ROUNDS && requests < WARM_REQUESTS; round++) {
    const order = { origin: running.origin, path: "/api/protected", heads, connections: 32, seconds };
    requests += (await load.run(order)).requests;
  }
}

export async function measureOnce(
  { running, heads }: Pick<Measured, "running" | "heads">,
  { redis }: Pick<BenchEnvironment, "redis">,
  load: Load,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<Row> {
  const pids = pidsOf(running);
  const before = { own: cpuMicroseconds(pids), redis: cpuMicroseconds([redis.pid]) };
  const result = await load.run({ origin: running.origin, path: "/api/protected", heads, connections, seconds });
  return {
    ...result,
    cpuMicrosecondsPerRequest: (cpuMicroseconds(pids) - before.own) / result.requests,
    redisMicrosecondsPerRequest: (cpuMicroseconds([redis.pid]) - before.redis) / result.requests,
    residentBytes: residentBytes(pids),
  };
}
