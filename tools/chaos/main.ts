// Fault injection: runs the scenarios against gateway processes and checks the recorded histories.
// Usage: npm run chaos -- [--short | --tiny] [--broken] [--write] [word]
// --short, --tiny: smaller counts. --broken: runs gateways that are broken on purpose, which the checker must detect.
// --write: writes the table into docs/development/reliability.md. word: selects scenarios, or broken builds, by name.
import { BROKEN_BUILDS, runBrokenBuild } from "./broken.ts";
import { setUntilTimeout } from "@cloakroom/testkit/until.ts";
import { runScenario, type Result, type Scenario } from "./scenario.ts";
import { SCENARIOS } from "./scenarios.ts";
import { brokenTable, table, writeTable, type Detection } from "./report.ts";

const flags = process.argv.slice(2).filter((argument) => argument.startsWith("--"));
const wanted = process.argv.slice(2).find((argument) => !argument.startsWith("--")) ?? "";
const size = flags.includes("--tiny") ? "tiny" : flags.includes("--short") ? "short" : "full";

const passed = flags.includes("--broken") ? await runBrokenBuilds() : await runScenarios();
process.exitCode = passed ? 0 : 1;

async function runScenarios(): Promise<boolean> {
  const results: Result[] = [];
  const all: readonly Scenario[] = Object.values(SCENARIOS).flat();
  for (const scenario of all.filter(({ name }) => name.includes(wanted))) {
    const result = await runScenario(scenario, size);
    const verdict = result.violations.length === 0 ? "holds   " : "VIOLATED";
    console.log(`${verdict}  ${result.name} (${result.seconds.toFixed(1)} s)`);
    for (const { invariant, what } of result.violations.slice(0, 10)) console.log(`        ${invariant}: ${what}`);
    results.push(result);
    // After each scenario: an interrupted run keeps its results.
    if (flags.includes("--write")) writeTable("chaos", table(results, size));
  }
  const seconds = results.reduce((sum, each) => sum + each.seconds, 0);
  console.log(`${Math.round(seconds)} s in total\n\n${table(results, size)}`);
  return results.length > 0 && results.every(({ violations }) => violations.length === 0);
}

async function runBrokenBuilds(): Promise<boolean> {
  setUntilTimeout(15_000);
  const results: Detection[] = [];
  for (const build of BROKEN_BUILDS.filter(({ breaks }) => breaks.includes(wanted))) {
    const { detected, firstViolation } = await runBrokenBuild(build);
    console.log(`${detected ? "detected " : "SURVIVED"}  ${build.breaks}\n          ${firstViolation}`);
    results.push({ breaks: build.breaks, scenario: build.scenario.name, detected, firstViolation });
  }
  if (flags.includes("--write")) writeTable("broken builds", brokenTable(results));
  return results.length > 0 && results.every(({ detected }) => detected);
}
