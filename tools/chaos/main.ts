// npm run chaos: every scenario against real processes, judged by the checker; the table goes to standard output, or
// into docs/development/reliability.md with --write. --short: small counts. A word: only the scenarios whose name contains it.
// --broken: instead, whether the checker notices gateways that are broken on purpose (a word: those whose fault has it).
import { BROKEN_BUILDS, isNoticed } from "./broken.ts";
import { setUntilTimeout } from "@cloakroom/testkit/until.ts";
import { runScenario, type Result, type Scenario } from "./scenario.ts";
import { SCENARIOS } from "./scenarios.ts";
import { brokenTable, table, writeTable, type Noticed } from "./report.ts";

const flags = process.argv.slice(2).filter((argument) => argument.startsWith("--"));
const wanted = process.argv.slice(2).find((argument) => !argument.startsWith("--")) ?? "";
const size = flags.includes("--tiny") ? "tiny" : flags.includes("--short") ? "short" : "full";

const isRight = flags.includes("--broken") ? await showBrokenBuilds() : await showScenarios();
process.exitCode = isRight ? 0 : 1;

async function showScenarios(): Promise<boolean> {
  const results: Result[] = [];
  const all: readonly Scenario[] = Object.values(SCENARIOS).flat();
  for (const scenario of all.filter(({ name }) => name.includes(wanted))) {
    const result = await runScenario(scenario, size);
    const verdict = result.violations.length === 0 ? "holds " : "BROKEN";
    console.log(`${verdict}  ${result.name} (${result.seconds.toFixed(1)} s)`);
    for (const { invariant, what } of result.violations.slice(0, 10)) console.log(`        ${invariant}: ${what}`);
    results.push(result);
    // Also what an interrupted run has seen is worth having.
    if (flags.includes("--write")) writeTable("chaos", table(results, size));
  }
  const seconds = results.reduce((sum, each) => sum + each.seconds, 0);
  console.log(`${Math.round(seconds)} s in all\n\n${table(results, size)}`);
  return results.length > 0 && results.every(({ violations }) => violations.length === 0);
}

async function showBrokenBuilds(): Promise<boolean> {
  setUntilTimeout(15_000);
  const results: Noticed[] = [];
  for (const build of BROKEN_BUILDS.filter(({ breaks }) => breaks.includes(wanted))) {
    const { noticed, how } = await isNoticed(build);
    console.log(`${noticed ? "noticed " : "SURVIVED"}  ${build.breaks}\n          ${how}`);
    results.push({ breaks: build.breaks, scenario: build.scenario.name, noticed, how });
  }
  if (flags.includes("--write")) writeTable("broken builds", brokenTable(results));
  return results.length > 0 && results.every(({ noticed }) => noticed);
}
