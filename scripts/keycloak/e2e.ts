// npm run e2e:keycloak: a real Keycloak, then the whole end-to-end suite on it and the scenarios that are Keycloak's own.
// Playwright's own options may follow, for both: -g "step-up", --headed.
import { spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { SHARED_SYSTEM_VARIABLE, type SharedSystem } from "@cloakroom/testkit/keycloak/shared-system.ts";
import { bin, ROOT } from "@cloakroom/testkit/bin.ts";
import { countLine, NOTHING, playwrightCount, skippedTests, sumOf, type Count } from "@cloakroom/testkit/counts.ts";
import { ensureChromium, ensureRedis } from "@cloakroom/testkit/prerequisites.ts";
import { keycloakDistribution, KeycloakUnavailable } from "@cloakroom/testkit/keycloak/distribution.ts";
import { COUNT_FILE_VARIABLE } from "@cloakroom/testkit/keycloak/e2e-count.ts";
import { startSystemOnKeycloak } from "@cloakroom/testkit/keycloak/system.ts";

/** The first is what also runs on the embedded provider. */
const SUITES = ["e2e", "e2e-keycloak"];

const scratch = mkdtempSync(join(tmpdir(), "cloakroom-e2e-keycloak-"));
let running: { kill: (signal: NodeJS.Signals) => unknown } | undefined;
let isStopping = false;
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => {
    isStopping = true;
    // Ctrl-C reaches Playwright by itself; it ends in order, and then we do.
    if (signal === "SIGTERM") running?.kill("SIGTERM");
  });
const count = await main().finally(() => rmSync(scratch, { recursive: true, force: true }));
console.log(`\n${countLine(count)}`);
const file = process.env[COUNT_FILE_VARIABLE];
if (file !== undefined) writeFileSync(file, JSON.stringify(count));
process.exitCode = count.failed === 0 ? 0 : 1;

async function main(): Promise<Count> {
  const say = (line: string) => console.log(line);
  // First: a machine that cannot run Keycloak needs nothing else for this.
  const refused = await keycloakDistribution(say).then(() => undefined, skippedOrFailed);
  if (refused !== undefined) return refused;
  process.env["REDIS_SERVER"] = ensureRedis();
  const chromium = await ensureChromium();
  const spaRoot = join(scratch, "spa");
  const vite = ["build", "--logLevel", "warn", "--outDir", spaRoot, "--emptyOutDir"];
  if ((await run(bin("vite"), vite, { cwd: join(ROOT, "spa") })) !== 0) return { ...NOTHING, failed: 1 };
  const logFile = process.env["KEYCLOAK_LOG"] ?? join(scratch, "keycloak.log");
  const system = await startSystemOnKeycloak({
    spaRoot,
    logFile,
    say,
    onKeycloakText: (text) => appendFileSync(logFile, text),
  }).catch(skippedOrFailed);
  if ("failed" in system) return system;
  try {
    const counts: Count[] = [];
    for (const suite of SUITES) if (!isStopping) counts.push(await runSuite(suite, system.shared, chromium));
    return isStopping ? sumOf([...counts, { ...NOTHING, failed: 1 }]) : sumOf(counts);
  } finally {
    await system.stop();
  }
}

async function runSuite(suite: string, shared: SharedSystem, chromium: string): Promise<Count> {
  console.log(`\n${suite}, on Keycloak`);
  const report = join(scratch, `${suite}.json`);
  const options = ["test", "--reporter=list,json", "--pass-with-no-tests", ...process.argv.slice(2)];
  const status = await run(bin("playwright"), options, {
    cwd: join(ROOT, suite),
    // The tests start gateways of their own: with our Node, also where another one comes first on PATH.
    env: {
      ...process.env,
      PATH: pathWithOurNode(),
      CHROMIUM: chromium,
      PLAYWRIGHT_JSON_OUTPUT_FILE: report,
      [SHARED_SYSTEM_VARIABLE]: JSON.stringify(shared),
    },
  });
  for (const line of skippedTests(report)) console.log(`  skipped: ${line}`);
  return playwrightCount(report, status);
}

/** Skipped is not passed: it says so, and where Keycloak is demanded it is a failure. */
function skippedOrFailed(error: unknown): Count {
  if (!(error instanceof KeycloakUnavailable)) {
    console.error(error instanceof Error ? error.message : error);
    return { ...NOTHING, failed: 1 };
  }
  console.log(`The tests against a real Keycloak were SKIPPED. ${error.message}`);
  return process.env["REQUIRE_KEYCLOAK"] === "1" ? { ...NOTHING, failed: 1 } : { ...NOTHING, skipped: 1 };
}

function pathWithOurNode(): string {
  return [join(ROOT, "node_modules", ".bin"), process.env["PATH"] ?? ""].join(delimiter);
}

function run(program: string, args: readonly string[], options: { cwd: string; env?: NodeJS.ProcessEnv }) {
  return new Promise<number>((resolve) => {
    const child = spawn(program, args, { ...options, stdio: "inherit" });
    running = child;
    child.once("error", () => resolve(1));
    child.once("exit", (code) => resolve(code ?? 1));
  });
}
