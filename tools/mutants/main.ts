// Mutation tests: applies each mutant to a copy of the gateway and checks that at least one of its tests fails.
// Usage: npm run mutants -- [text]   only mutants whose description contains the text
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { createBreakableCopy } from "../breakable-copy.ts";
import { ALL_MUTANTS } from "./all-mutants.ts";
import type { Mutant } from "./mutants.ts";

const wanted = process.argv[2];
const copy = createBreakableCopy();

try {
  const selected = ALL_MUTANTS.filter(({ breaks }) => wanted === undefined || breaks.includes(wanted));
  // Tests that fail without a mutant would detect every mutant.
  if (!passes([...new Set(selected.flatMap(({ tests }) => tests))], "inherit"))
    throw new Error("the tests fail without a mutant");
  const survivors = selected.filter((mutant) => {
    const detected = isDetected(mutant);
    console.log(`${detected ? "detected " : "SURVIVED"}  ${mutant.breaks}`);
    return !detected;
  });
  console.log(`\n${selected.length - survivors.length} detected, ${survivors.length} survived`);
  process.exitCode = survivors.length === 0 ? 0 : 1;
} finally {
  copy.remove();
}

function isDetected(mutant: Mutant): boolean {
  const undo = copy.applyChange(mutant);
  const detected = !passes(mutant.tests);
  undo();
  return detected;
}

/** Runs the tests until the first failure. */
function passes(tests: readonly string[], stdio: "ignore" | "inherit" = "ignore"): boolean {
  const vitest = join(copy.folder, "node_modules/vitest/vitest.mjs");
  const { status } = spawnSync(process.execPath, [vitest, "run", "--bail=1", ...tests.map((test) => `bff/${test}`)], {
    cwd: copy.folder,
    stdio,
    timeout: 300_000,
  });
  return status === 0;
}
