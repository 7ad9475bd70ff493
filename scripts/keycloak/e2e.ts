// npm run e2e:keycloak: starts a real Keycloak and runs the browser tests of e2e and e2e-keycloak against it.
// Arguments go to Playwright: -g "step-up", --headed.
import { spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { SHARED_SYSTEM_VARIABLE, type SharedSystem } from "@cloakroom/testkit/keycloak/shared-system.ts";
import { bin, ROOT } from "@cloakroom/testkit/bin.ts";
import {
  NOTHING,
  playwrightCount,
  reportCount,
  skippedOrFailed,
  skippedTests,
  sumOf,
  type Count,
} from "@cloakroom/testkit/counts.ts";
import { programVariables } from "@cloakroom/testkit/programs.ts";
import { ensurePrograms } from "@cloakroom/testkit/install-programs.ts";
import { keycloakDistribution, KeycloakUnavailable } from "@cloakroom/testkit/keycloak/distribution.ts";
import { startSystemOnKeycloak } from "@cloakroom/testkit/keycloak/system.ts";

/** e2e also runs on the embedded provider. */
const SUITES = ["e2e", "e2e-keycloak"];

const scratch = mkdtempSync(join(tmpdir(), "cloakroom-e2e-keycloak-"));
let running: { kill: (signal: NodeJS.Signals) => unknown } | undefined;
let isStopping = false;
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => {
    isStopping = true;
    // Ctrl-C reaches Playwright too, which shuts down in order; this process exits after it.
    if (signal === "SIGTERM") running?.kill("SIGTERM");
  });
reportCount(await main().finally(() => rmSync(scratch, { recursive: true, force: true })));

async function main(): Promise<Count> {
  const log = (line: string) => console.log(line);
  // Checked first: without Keycloak nothing else is needed.
  const unavailable = await keycloakDistribution(log).then(() => undefined, countOf);
  if (unavailable !== undefined) return unavailable;
  await ensurePrograms(["redis", "chromium"]);
  Object.assign(process.env, programVariables(["redis", "chromium"]));
  const spaRoot = join(scratch, "spa");
  const vite = ["build", "--logLevel", "warn", "--outDir", spaRoot, "--emptyOutDir"];
  if ((await run(bin("vite"), vite, { cwd: join(ROOT, "spa") })) !== 0) return { ...NOTHING, failed: 1 };
  const logFile = process.env["KEYCLOAK_LOG"] ?? join(scratch, "keycloak.log");
  const system = await startSystemOnKeycloak({
    spaRoot,
    logFile,
    log,
    onKeycloakOutput: (text) => appendFileSync(logFile, text),
  }).catch(countOf);
  if ("failed" in system) return system;
  try {
    const counts: Count[] = [];
    for (const suite of SUITES) if (!isStopping) counts.push(await runSuite(suite, system.shared));
    return isStopping ? sumOf([...counts, { ...NOTHING, failed: 1 }]) : sumOf(counts);
  } finally {
    await system.stop();
  }
}

async function runSuite(suite: string, shared: SharedSystem): Promise<Count> {
  console.log(`\n${suite}, on Keycloak`);
  const report = join(scratch, `${suite}.json`);
  const options = ["test", "--reporter=list,json", "--pass-with-no-tests", ...process.argv.slice(2)];
  const status = await run(bin("playwright"), options, {
    cwd: join(ROOT, suite),
    // The tests start gateways: with the Node of npm ci, even if PATH starts with another one.
    env: {
      ...process.env,
      PATH: [join(ROOT, "node_modules", ".bin"), process.env["PATH"] ?? ""].join(delimiter),
      PLAYWRIGHT_JSON_OUTPUT_FILE: report,
      [SHARED_SYSTEM_VARIABLE]: JSON.stringify(shared),
    },
  });
  for (const line of skippedTests(report)) console.log(`  skipped: ${line}`);
  return playwrightCount(report, status);
}

/** The count of a run that ended with an error: skipped if this machine cannot run Keycloak. */
function countOf(error: unknown): Count {
  if (!(error instanceof KeycloakUnavailable)) {
    console.error(error instanceof Error ? error.message : error);
    return { ...NOTHING, failed: 1 };
  }
  console.log(`The tests against a real Keycloak were SKIPPED. ${error.message}`);
  return skippedOrFailed();
}

function run(program: string, args: readonly string[], options: { cwd: string; env?: NodeJS.ProcessEnv }) {
  return new Promise<number>((resolve) => {
    const child = spawn(program, args, { ...options, stdio: "inherit" });
    running = child;
    child.once("error", () => resolve(1));
    child.once("exit", (code) => resolve(code ?? 1));
  });
}
