// npm run coverage: runs the vitest tests and reports the coverage of bff/src in the test processes and in the gateway
// processes that they start. Fails below the thresholds. The HTML report is written to coverage/index.html.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { CoverageReport, type CoverageSummary } from "monocart-coverage-reports";
import { bin, ROOT } from "@cloakroom/testkit/bin.ts";
import { programVariables } from "@cloakroom/testkit/programs.ts";
import { ensurePrograms } from "@cloakroom/testkit/install-programs.ts";

/** Percentages reached by the tests; raise them with the tests. */
const THRESHOLDS = { lines: 95.5, branches: 91 };
const METRICS = ["lines", "branches"] as const;

const PROJECTS = ["unit", "integration", "demo"];
const SOURCES = pathToFileURL(join(ROOT, "bff", "src")).href;
const OUTPUT = join(ROOT, "coverage");
const RAW = join(OUTPUT, "v8");

type V8Entry = { url: string; source?: string };

await ensurePrograms(["redis"]);
rmSync(OUTPUT, { recursive: true, force: true });
const areTestsPassing = runTests();
const summary = await report();
const isAboveThresholds = METRICS.map((metric) => {
  const percent = Number(summary[metric]?.pct ?? 0);
  console.log(`${metric.padEnd(9)} ${percent.toFixed(2)} % (at least ${THRESHOLDS[metric]} %)`);
  return percent >= THRESHOLDS[metric];
}).every(Boolean);
process.exitCode = areTestsPassing && isAboveThresholds ? 0 : 1;

/** Node writes coverage to NODE_V8_COVERAGE and passes the variable on to child processes, also with an own `env`. */
function runTests(): boolean {
  const filters = [...PROJECTS.map((name) => `--project=${name}`), ...process.argv.slice(2)];
  const env = { ...process.env, ...programVariables(["redis"]), NODE_V8_COVERAGE: RAW };
  return spawnSync(bin("vitest"), ["run", ...filters], { cwd: ROOT, env, stdio: "inherit" }).status === 0;
}

async function report(): Promise<CoverageSummary> {
  const coverage = new CoverageReport({
    name: "Cloakroom gateway",
    outputDir: OUTPUT,
    reports: ["v8", "console-details", "json-summary", "lcovonly"],
    logging: "error",
    // Includes files that no test loads.
    all: { dir: join(ROOT, "bff", "src"), filter: "**/*.ts", transformer: async (entry) => setSource(entry) },
  });
  for (const file of readdirSync(RAW)) {
    const { result } = JSON.parse(readFileSync(join(RAW, file), "utf8")) as { result: V8Entry[] };
    const entries = result.filter(({ url }) => url.startsWith(`${SOURCES}/`));
    entries.forEach(setSource);
    if (entries.length > 0) await coverage.add(entries);
  }
  const results = await coverage.generate();
  if (results === undefined) throw new Error("No coverage data was written.");
  return results.summary;
}

/** The text that V8 has executed: types replaced by spaces, so that offsets equal those in the file. */
function setSource(entry: V8Entry): void {
  entry.source = stripTypeScriptTypes(readFileSync(fileURLToPath(entry.url), "utf8"));
}
