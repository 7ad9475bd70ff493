// What a scenario is: something done to a fleet, of a size, whose history is judged when it is over.
import { check, failuresIn, type Allowed, type Violation } from "./checker.ts";
import type { TestRedis } from "@cloakroom/testkit/test-redis.ts";
import type { History } from "./history.ts";
import { startFleet, type Fleet, type FleetOptions } from "./fleet.ts";

/** `full` for the table in docs/development/reliability.md, `short` for a look, `tiny` as part of the tests. */
export type Size = "full" | "short" | "tiny";

export type Outcome = Allowed & {
  /** One line for the table: what the counts cannot say. */
  seen: string;
};

export type Scenario<R extends TestRedis = TestRedis> = {
  name: string;
  /** Settings of the gateways that differ from the fleet's. */
  env?: Record<string, string> | ((size: Size) => Record<string, string>);
  /** Absent: one Redis with a link for each instance. */
  startRedis?(): Promise<R>;
  run(fleet: Fleet<R>, size: Size): Promise<Outcome>;
};

export type Result = {
  name: string;
  /** Operations, and what must be so besides. */
  checked: number;
  failures: number;
  violations: readonly Violation[];
  seen: string;
  seconds: number;
};

export async function runScenario(
  { name, env = {}, startRedis, run }: Scenario,
  size: Size,
  { entry }: Pick<FleetOptions, "entry"> = {},
): Promise<Result> {
  const startedMs = performance.now();
  const fleet = await startFleet({
    entry,
    env: typeof env === "function" ? env(size) : env,
    ...(startRedis === undefined ? {} : { startRedis }),
  });
  try {
    const { seen, stopped = [], ...allowed } = await runOrStop(() => run(fleet, size));
    return {
      ...{ name, seen, checked: countOf(fleet.history), failures: failuresIn(fleet.history) },
      violations: [...check(fleet.history, allowed), ...stopped],
      seconds: (performance.now() - startedMs) / 1000,
    };
  } finally {
    await fleet.stop();
  }
}

function countOf({ operations, spendings, claims }: History): number {
  return operations.length + spendings.length + claims.length;
}

type Run = Outcome & { stopped?: Violation[] };

/** What is waited for in vain, or is not there, is a broken promise too; what was written down until then is judged. */
async function runOrStop(run: () => Promise<Outcome>): Promise<Run> {
  try {
    return await run();
  } catch (error) {
    return stoppedBy(error);
  }
}

function stoppedBy(error: unknown): Run {
  const what = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
  return { unavailable: true, broken: true, seen: "it could not go on", stopped: [{ invariant: "stopped", what }] };
}

/** Runs so many at once, and so many in all. */
export async function inParallel(count: number, atOnce: number, run: (index: number) => Promise<unknown>) {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
}

/** A promise and its key. */
export function gate(): { opened: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}
