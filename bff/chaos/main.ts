// npm run chaos: every scenario against real processes, judged by the checker; the table goes to standard output, or
// into docs/reliability.md with --write. --short: small counts. A word: only the scenarios whose name contains it.
import { runScenario, type Result } from "./scenario.ts";
import { SCENARIOS } from "./scenarios.ts";
import { table, writeTable } from "./report.ts";

const flags = process.argv.slice(2).filter((argument) => argument.startsWith("--"));
const wanted = process.argv.slice(2).find((argument) => !argument.startsWith("--")) ?? "";
const size = flags.includes("--tiny") ? "tiny" : flags.includes("--short") ? "short" : "full";

const results: Result[] = [];
for (const scenario of Object.values(SCENARIOS)
  .flat()
  .filter(({ name }) => name.includes(wanted))) {
  const result = await runScenario(scenario, size);
  console.log(
    `${result.violations.length === 0 ? "holds " : "BROKEN"}  ${result.name} (${result.seconds.toFixed(1)} s)`,
  );
  for (const { invariant, what } of result.violations.slice(0, 10)) console.log(`        ${invariant}: ${what}`);
  results.push(result);
}
console.log(`\n${table(results, size)}`);
if (flags.includes("--write")) writeTable(table(results, size));
process.exitCode = results.length > 0 && results.every(({ violations }) => violations.length === 0) ? 0 : 1;
