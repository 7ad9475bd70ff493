// Mutation tests: applies each mutant to a copy of the gateway and checks that at least one of its tests fails.
// Usage: npm run mutants -- [text] [--shard=i/n] [--jobs=n] [--results=file]
//   text       only mutants whose description contains it
//   --shard    the i-th of n parts, so that several machines or several evenings share the work
//   --jobs     copies that are tested at the same time, default 2
//   --results  appends the verdicts to the file and skips the mutants that it lists as detected: continues a run
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { createBreakableCopy, type BreakableCopy } from "../breakable-copy.ts";
import { ALL_MUTANTS } from "./all-mutants.ts";
import { isDetection, type RunResult } from "./failure.ts";
import type { Mutant } from "./mutants.ts";
import { createTestRuns, type TestRuns } from "./test-runs.ts";

type Verdict = "detected" | "SURVIVED" | "UNCLEAR" | "NOT RUN";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    shard: { type: "string", default: "1/1" },
    jobs: { type: "string", default: "2" },
    results: { type: "string" },
  },
});
const [index = 1, count = 1] = values.shard.split("/").map(Number);
const earlier = values.results !== undefined && existsSync(values.results) ? readFileSync(values.results, "utf8") : "";
const verdicts = new Map<string, Verdict>();

const groups = groupByTests(ALL_MUTANTS.filter(({ breaks }) => breaks.includes(positionals[0] ?? "")))
  .filter((_group, at) => at % count === index - 1)
  .map((group) => group.filter(({ breaks }) => !earlier.includes(`detected  ${breaks}\n`)))
  .filter((group) => group.length > 0);
if (groups.length === 0) throw new Error("no mutant is selected");

const queue = groups.values();
await Promise.all(Array.from({ length: Math.min(Number(values.jobs), groups.length) }, work));
const of = (verdict: Verdict) => [...verdicts].filter(([, each]) => each === verdict);
for (const [breaks, verdict] of verdicts) if (verdict !== "detected") console.log(`${verdict}  ${breaks}`);
console.log(
  `\n${of("detected").length} detected, ${of("SURVIVED").length} survived, ` +
    `${of("UNCLEAR").length} unclear, ${of("NOT RUN").length} not run`,
);
process.exitCode = of("detected").length === verdicts.size ? 0 : 1;

/** Mutants with the same tests: these run once without a mutant. Unit tests come first: they are the fastest. */
function groupByTests(mutants: readonly Mutant[]): Mutant[][] {
  const groups = Object.entries(Object.groupBy(mutants, ({ tests }) => tests.join(" ")));
  const rank = (tests: string) => (tests.includes(".extended.") ? 2 : tests.includes(".integration.") ? 1 : 0);
  return groups.sort(([left], [right]) => rank(left) - rank(right)).map(([, group = []]) => group);
}

async function work(): Promise<void> {
  const copy = createBreakableCopy();
  const runs = createTestRuns(copy);
  try {
    for (const group of queue) await testGroup(copy, runs, group);
  } finally {
    runs.close();
    copy.remove();
  }
}

async function testGroup(copy: BreakableCopy, runs: TestRuns, group: readonly Mutant[]): Promise<void> {
  const [{ tests } = { tests: [] }] = group;
  // Tests that fail without a mutant would detect every mutant.
  const unbroken = await runs.run(tests);
  const canRun = unbroken.failure === undefined && unbroken.passedTests > 0;
  for (const mutant of group)
    if (canRun) await testMutant(copy, runs, mutant);
    else report(mutant, "NOT RUN", unbroken);
}

async function testMutant(copy: BreakableCopy, runs: TestRuns, mutant: Mutant): Promise<void> {
  const undo = copy.applyChange(mutant);
  runs.markChanged(mutant.file);
  const result = await runs.run(mutant.tests);
  const isDetected = isDetection(result.failure) || (await failsAgain(runs, mutant, result));
  undo();
  runs.markChanged(mutant.file);
  report(mutant, result.failure === undefined ? "SURVIVED" : isDetected ? "detected" : "UNCLEAR", result);
}

/** A response that never comes, or an error that ends a process. Once, it can be the machine's. */
async function failsAgain(runs: TestRuns, { tests }: Mutant, { failure }: RunResult): Promise<boolean> {
  if (failure?.kind !== "timeout" && failure?.kind !== "unhandled error") return false;
  const again = (await runs.run(tests)).failure;
  return isDetection(again) || (again?.kind === failure.kind && again.where === failure.where);
}

function report({ breaks, tests }: Mutant, verdict: Verdict, { passedTests, failure }: RunResult): void {
  const [message = ""] = (failure?.message ?? "").split("\n");
  const reason =
    failure === undefined
      ? `${passedTests} tests of ${tests.join(", ")} passed`
      : `${failure.kind}: ${failure.where}: ${message}`.replace(/\p{Cc}/gu, " ");
  console.log(`${verdict.padEnd(8)}  ${breaks}\n          ${reason}`);
  verdicts.set(breaks, verdict);
  if (values.results !== undefined)
    appendFileSync(values.results, `${verdict.padEnd(8)}  ${breaks}\n          ${reason}\n`);
}
