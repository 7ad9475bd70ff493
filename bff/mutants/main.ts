// npm run mutants: breaks a copy of the gateway in every listed way and shows that a test notices each.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ALL_MUTANTS } from "./all-mutants.ts";
import type { Mutant } from "./mutants.ts";

const ROOT = join(import.meta.dirname, "../..");
const wanted = process.argv[2];
const copy = mkdtempSync(join(tmpdir(), "cloakroom-mutants-"));

try {
  for (const part of ["bff", "demo", "scripts", "docs", "package.json", "tsconfig.base.json"])
    cpSync(join(ROOT, part), join(copy, part), { recursive: true, filter: (path) => !path.includes("node_modules") });
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
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
  rmSync(copy, { recursive: true, force: true });
}

function isNoticed({ file, find, replace, tests, breaks }: Mutant): boolean {
  const path = join(copy, "bff", file);
  const original = readFileSync(path, "utf8");
  if (original.split(find).length !== 2) throw new Error(`"${breaks}": its text is not in ${file} exactly once`);
  writeFileSync(
    path,
    original.replace(find, () => replace),
  );
  const noticed = !passes(tests);
  writeFileSync(path, original);
  return noticed;
}

/** One failure is enough: that the rest of the file would fail as well teaches nothing. */
function passes(tests: readonly string[], stdio: "ignore" | "inherit" = "ignore"): boolean {
  const vitest = join(copy, "node_modules/vitest/vitest.mjs");
  const { status } = spawnSync(process.execPath, [vitest, "run", "--root", "bff", "--bail=1", ...tests], {
    cwd: copy,
    stdio,
    timeout: 300_000,
  });
  return status === 0;
}
