// Fault scenario: starts a fleet, runs the scenario and checks the recorded history.
import { check, countFailures, type Allowed, type Violation } from "./checker.ts";
import type { TestRedis } from "@cloakroom/testkit/test-redis.ts";
import type { History } from "./history.ts";
import { startFleet, type Fleet, type FleetOptions } from "./fleet.ts";

/** `full`: table in docs/development/reliability.md; `short`: quick look; `tiny`: part of `npm test`. */
export type Size = "full" | "short" | "tiny";

export type Outcome = Allowed & {
  /** One line for the table. */
  details: string;
};

export type Scenario<R extends TestRedis = TestRedis> = {
  name: string;
  /** Gateway settings in addition to those of the fleet. */
  env?: Record<string, string> | ((size: Size) => Record<string, string>);
  /** Default: a single Redis server, reached through a fault proxy per instance. */
  startRedis?(): Promise<R>;
  run(fleet: Fleet<R>, size: Size): Promise<Outcome>;
};

export type Result = {
  name: string;
  /** Number of operations, token request counts and assertions. */
  checked: number;
  failures: number;
  violations: readonly Violation[];
  details: string;
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
    const { details, stopped = [], ...allowed } = await runToEnd(() => run(fleet, size));
    return {
      ...{ name, details, checked: countOf(fleet.history), failures: countFailures(fleet.history) },
      violations: [...check(fleet.history, allowed), ...stopped],
      seconds: (performance.now() - startedMs) / 1000,
    };
  } finally {
    await fleet.stop();
  }
}

function countOf({ operations, tokenRequestCounts, assertions }: History): number {
  return operations.length + tokenRequestCounts.length + assertions.length;
}

type Run = Outcome & { stopped?: Violation[] };

/** An error of the scenario, for example a timeout, becomes a violation. The history recorded so far is still checked. */
async function runToEnd(run: () => Promise<Outcome>): Promise<Run> {
  try {
    return await run();
  } catch (error) {
    return stoppedBy(error);
  }
}

function stoppedBy(error: unknown): Run {
  const what = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
  return {
    unavailable: true,
    connectionErrors: true,
    details: "scenario stopped by an error",
    stopped: [{ invariant: "stopped", what }],
  };
}

/** Calls `run` with 0 to `count` - 1, at most `concurrency` calls at a time. */
export async function inParallel(count: number, concurrency: number, run: (index: number) => Promise<unknown>) {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, worker));
}

/** @returns a promise and the function that resolves it */
export function gate(): { opened: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}
