// Runs a layer of the tests: `node scripts/test.ts [unit | integration | all]`, by default that of `npm test`.
// The last line is `N passed, N failed`, followed by `, N skipped` if tests were skipped.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { bin, ROOT } from "@cloakroom/testkit/bin.ts";
import { runChecks } from "./check.ts";
import {
  atLeastOneFailure,
  COUNT_FILE_VARIABLE,
  countLine,
  NOTHING,
  playwrightCount,
  readReport,
  sumOf,
  type Count,
} from "@cloakroom/testkit/counts.ts";
import { ALL_PROGRAMS, programVariables, TEST_PROGRAMS, type ProgramName } from "@cloakroom/testkit/programs.ts";
import { ensurePrograms } from "@cloakroom/testkit/install-programs.ts";

type Step = { name: string; run: (env: NodeJS.ProcessEnv) => Count | Promise<Count> };
type Layer = { programs: readonly ProgramName[]; steps: readonly Step[] };

/** Longer than each script takes on a busy machine, including the first download of Keycloak. */
const scriptTimeoutMs = 30 * 60_000;

/** Browser tests that only `test:all` runs: by tag, and whole files by name. */
const EXTENDED = "@extended|\\.extended\\.spec\\.ts";

const UNIT: readonly Step[] = [{ name: "unit tests", run: (env) => runVitest(env, ["unit", "spa", "packages"]) }];

const INTEGRATION: readonly Step[] = [
  { name: "integration tests", run: (env) => runVitest(env, ["integration", "demo", "deploy"]) },
];

const TEST: readonly Step[] = [
  { name: "check", run: countChecks },
  ...UNIT,
  ...INTEGRATION,
  { name: "build of the app", run: buildApp },
  { name: "browser tests", run: (env) => runBrowserTests(env, ["--grep-invert", `${EXTENDED}|@screenshots`]) },
];

const LAYERS: Readonly<Record<string, Layer>> = {
  unit: { programs: [], steps: UNIT },
  integration: { programs: ["redis", "caddy"], steps: INTEGRATION },
  test: { programs: TEST_PROGRAMS, steps: TEST },
  all: {
    programs: ALL_PROGRAMS,
    steps: [
      ...TEST,
      { name: "extended tests", run: (env) => runVitest(env, ["extended"]) },
      { name: "chaos", run: (env) => runVitest(env, ["chaos"]) },
      { name: "extended browser tests", run: (env) => runBrowserTests(env, ["--grep", EXTENDED]) },
      { name: "apps of other frameworks", run: (env) => runScript(env, "scripts/apps.ts") },
      { name: "packages in foreign apps", run: (env) => runScript(env, "scripts/foreign.ts") },
      { name: "browser engines", run: (env) => runScript(env, "scripts/engines.ts") },
      { name: "real Keycloak", run: (env) => runScript(env, "scripts/keycloak/e2e.ts") },
      { name: "composed system", run: (env) => runScript(env, "deploy/rehearsal.ts") },
    ],
  },
};

const reports = mkdtempSync(join(tmpdir(), "cloakroom-test-"));
try {
  await main(process.argv[2] ?? "test");
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
} finally {
  rmSync(reports, { recursive: true, force: true });
}

async function main(name: string): Promise<void> {
  const layer = LAYERS[name];
  if (layer === undefined) throw new Error(`Unknown layer ${name}; known: ${Object.keys(LAYERS).join(", ")}.`);
  await ensurePrograms(layer.programs);
  const env = { ...process.env, ...programVariables(layer.programs) };
  const summary: string[] = [];
  const counts: Count[] = [];
  for (const step of layer.steps) {
    const startedAtMs = Date.now();
    console.log(`\n── ${step.name}`);
    const count = await step.run(env);
    counts.push(count);
    const seconds = Math.round((Date.now() - startedAtMs) / 1_000);
    summary.push(`${step.name.padEnd(24)}${`${seconds} s`.padStart(6)}   ${countLine(count)}`);
  }
  const total = sumOf(counts);
  const { failures = [] } = total;
  if (failures.length > 0) console.log(`\n── failed tests\n\n${failures.join("\n\n")}`);
  console.log(`\n${summary.join("\n")}\n\n${countLine(total)}`);
  process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
}

async function countChecks(): Promise<Count> {
  const results = await runChecks();
  const failures = results.filter(({ passed }) => !passed).map(({ name }) => `check > ${name}`);
  return { passed: results.length - failures.length, failed: failures.length, skipped: 0, failures };
}

function runVitest(env: NodeJS.ProcessEnv, projects: readonly string[]): Count {
  const report = join(reports, `vitest-${projects.join("-")}.json`);
  const args = ["run", "--reporter=default", `--reporter=${join(ROOT, "testkit/src/vitest-count-reporter.ts")}`];
  const filters = projects.map((name) => `--project=${name}`);
  const { status } = spawnSync(bin("vitest"), [...args, ...filters], {
    cwd: ROOT,
    env: { ...env, [COUNT_FILE_VARIABLE]: report },
    stdio: "inherit",
  });
  return countFrom(report, status);
}

function buildApp(env: NodeJS.ProcessEnv): Count {
  const args = ["build", "--logLevel", "warn"];
  const { status } = spawnSync(bin("vite"), args, { cwd: join(ROOT, "spa"), env, stdio: "inherit" });
  return status === 0 ? { ...NOTHING, passed: 1 } : { ...NOTHING, failed: 1 };
}

function runBrowserTests(env: NodeJS.ProcessEnv, filter: readonly string[]): Count {
  const report = join(reports, "playwright.json");
  const { status } = spawnSync(bin("playwright"), ["test", "--reporter=list,json", ...filter], {
    cwd: join(ROOT, "e2e"),
    env: { ...env, PLAYWRIGHT_JSON_OUTPUT_FILE: report },
    stdio: "inherit",
  });
  return playwrightCount(report, status);
}

/** Runs a script that writes its count to a file. Scripts count as skipped if a program that they need is missing. */
function runScript(env: NodeJS.ProcessEnv, script: string): Count {
  const report = join(reports, `${basename(script)}.json`);
  const { status } = spawnSync(process.execPath, [join(ROOT, script)], {
    env: { ...env, [COUNT_FILE_VARIABLE]: report },
    stdio: "inherit",
    timeout: scriptTimeoutMs,
  });
  return countFrom(report, status);
}

function countFrom(report: string, status: number | null): Count {
  return atLeastOneFailure(readReport<Count>(report) ?? NOTHING, status);
}
