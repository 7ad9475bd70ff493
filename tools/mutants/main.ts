// npm run mutants [text]: breaks a copy of the gateway in every listed way (those whose description contains the text)
// and shows that a test notices each.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { createBreakableCopy } from "../breakable-copy.ts";
import { ALL_MUTANTS } from "./all-mutants.ts";
import type { Mutant } from "./mutants.ts";

const wanted = process.argv[2];
const copy = createBreakableCopy();

try {
  const chosen = ALL_MUTANTS.filter(({ breaks }) => wanted === undefined || breaks.includes(wanted));
  // Tests that fail on an unbroken copy would notice everything.
  if (!passes([...new Set(chosen.flatMap(({ tests }) => tests))], "inherit"))
    throw new Error("the tests fail without a mutant");
  const survivors = chosen.filter((mutant) => {
    const noticed = isNoticed(mutant);
    console.log(`${noticed ? "noticed " : "SURVIVED"}  ${mutant.breaks}`);
    return !noticed;
  });
  console.log(`\n${chosen.length - survivors.length} noticed, ${survivors.length} survived`);
  process.exitCode = survivors.length === 0 ? 0 : 1;
} finally {
  copy.remove();
}

function isNoticed(mutant: Mutant): boolean {
  const undo = copy.applyChange(mutant);
  const noticed = !passes(mutant.tests);
  undo();
  return noticed;
}

/** Stops at the first failure: one is enough. */
function passes(tests: readonly string[], stdio: "ignore" | "inherit" = "ignore"): boolean {
  const vitest = join(copy.folder, "node_modules/vitest/vitest.mjs");
  const { status } = spawnSync(process.execPath, [vitest, "run", "--root", "bff", "--bail=1", ...tests], {
    cwd: copy.folder,
    stdio,
    timeout: 300_000,
  });
  return status === 0;
}
