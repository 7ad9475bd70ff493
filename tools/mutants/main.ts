// Mutation tests: applies each mutant to a copy of the gateway and checks that at least one of its tests fails.
// Usage: npm run mutants -- [text] [--shard=i/n] [--jobs=n]
//   text      only mutants whose description contains it
//   --shard   the i-th of n parts, so that several machines or several evenings share the work
//   --jobs    copies that are tested at the same time, default 2
import { spawn } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createBreakableCopy, type BreakableCopy } from "../breakable-copy.ts";
import { ALL_MUTANTS } from "./all-mutants.ts";
import type { Mutant } from "./mutants.ts";

const TEST_TIMEOUT_MS = 300_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { shard: { type: "string", default: "1/1" }, jobs: { type: "string", default: "2" } },
});
const [index = 1, count = 1] = values.shard.split("/").map(Number);
const selected = ALL_MUTANTS.filter(({ breaks }) => breaks.includes(positionals[0] ?? "")).filter(
  (_mutant, at) => at % count === index - 1,
);
const copies = Array.from({ length: Math.min(Number(values.jobs), selected.length) }, createBreakableCopy);

try {
  const [first] = copies;
  if (first === undefined) throw new Error("no mutant is selected");
  // Tests that fail without a mutant would detect every mutant.
  if (!(await passes(first, [...new Set(selected.flatMap(({ tests }) => tests))], "inherit")))
    throw new Error("the tests fail without a mutant");
  const queue = selected.values();
  const survivors: Mutant[] = [];
  const work = async (copy: BreakableCopy): Promise<void> => {
    for (const mutant of queue) {
      const isDetected = await detects(copy, mutant);
      console.log(`${isDetected ? "detected " : "SURVIVED"}  ${mutant.breaks}`);
      if (!isDetected) survivors.push(mutant);
    }
  };
  await Promise.all(copies.map(work));
  for (const { breaks } of survivors) console.log(`SURVIVED  ${breaks}`);
  console.log(`\n${selected.length - survivors.length} detected, ${survivors.length} survived`);
  process.exitCode = survivors.length === 0 ? 0 : 1;
} finally {
  for (const copy of copies) copy.remove();
}

async function detects(copy: BreakableCopy, mutant: Mutant): Promise<boolean> {
  const undo = copy.applyChange(mutant);
  const hasPassed = await passes(copy, mutant.tests);
  undo();
  return !hasPassed;
}

/** Runs the tests until the first failure. */
function passes(
  copy: BreakableCopy,
  tests: readonly string[],
  stdio: "ignore" | "inherit" = "ignore",
): Promise<boolean> {
  const vitest = join(copy.folder, "node_modules/vitest/vitest.mjs");
  const args = [vitest, "run", "--bail=1", ...tests.map((test) => join("bff", test))];
  const child = spawn(process.execPath, args, { cwd: copy.folder, stdio, timeout: TEST_TIMEOUT_MS });
  return new Promise((resolve) => child.once("close", (status) => resolve(status === 0)));
}
