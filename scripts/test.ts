// The whole test: lint, types, format, unit and integration tests on a real Redis, browser tests in Chromium on the
// embedded provider, scenarios in Chromium, Firefox and WebKit, and Chromium on a real Keycloak. Ends with one line
// `N passed, N failed` that counts all of them.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { bin, ROOT } from "@cloakroom/testkit/bin.ts";
import { runChecks } from "./check.ts";
import {
  atLeastOneFailure,
  countLine,
  NOTHING,
  playwrightCount,
  readReport,
  sumOf,
  vitestCount,
} from "@cloakroom/testkit/counts.ts";
import type { Count } from "@cloakroom/testkit/counts.ts";
import { COUNT_FILE_VARIABLE } from "@cloakroom/testkit/keycloak/e2e-count.ts";
import { runEngines } from "./engines-run.ts";
import { ensureCaddy, ensureChromium, ensureRedis, ProgramMissing } from "@cloakroom/testkit/prerequisites.ts";

/** More than both suites may take by themselves, a start on a busy machine and the first fetch of Keycloak. */
const keycloakTimeoutMs = 30 * 60_000;

const reports = mkdtempSync(join(tmpdir(), "cloakroom-test-"));

try {
  const env = { ...process.env, REDIS_SERVER: ensureRedis(), CHROMIUM: await ensureChromium() };
  installOrSay(ensureCaddy);
  const total = sumOf([
    countChecks(),
    runVitest(env),
    buildApp(env),
    runPlaywright(env),
    runEngines(env),
    ...runOnKeycloak(env),
  ]);
  console.log(`\n${countLine(total)}`);
  process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(reports, { recursive: true, force: true });
}

/** Its tests count as skipped where it cannot be had. */
function installOrSay(ensure: () => string): void {
  try {
    ensure();
  } catch (error) {
    if (!(error instanceof ProgramMissing)) throw error;
    console.log(error.message);
  }
}

function countChecks(): Count {
  const results = runChecks();
  const passed = results.filter((result) => result.passed).length;
  return { passed, failed: results.length - passed, skipped: 0 };
}

function runVitest(env: NodeJS.ProcessEnv): Count {
  const report = join(reports, "vitest.json");
  const args = ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const { status } = spawnSync(bin("vitest"), args, { cwd: ROOT, env, stdio: "inherit" });
  return vitestCount(report, status);
}

function buildApp(env: NodeJS.ProcessEnv): Count {
  const { status } = spawnSync(bin("vite"), ["build", "--logLevel", "warn"], {
    cwd: join(ROOT, "spa"),
    env,
    stdio: "inherit",
  });
  return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, skipped: 0 };
}

function runPlaywright(env: NodeJS.ProcessEnv): Count {
  const report = join(reports, "playwright.json");
  const { status } = spawnSync(bin("playwright"), ["test", "--reporter=list,json"], {
    cwd: join(ROOT, "e2e"),
    env: { ...env, PLAYWRIGHT_JSON_OUTPUT_FILE: report },
    stdio: "inherit",
  });
  return playwrightCount(report, status);
}

/** Both suites, then the composed system: its TLS proxy, audit view, backup and restore. */
function runOnKeycloak(env: NodeJS.ProcessEnv): Count[] {
  return ["scripts/keycloak/e2e.ts", "deploy/rehearsal.ts"].map((script) => runCounted(env, script));
}

/** Where there is no Java or no Maven it says so and counts as skipped, never as passed. */
function runCounted(env: NodeJS.ProcessEnv, script: string): Count {
  const report = join(reports, `${basename(script)}.json`);
  const { status } = spawnSync(process.execPath, [join(ROOT, script)], {
    env: { ...env, [COUNT_FILE_VARIABLE]: report },
    stdio: "inherit",
    timeout: keycloakTimeoutMs,
  });
  return atLeastOneFailure(readReport<Count>(report) ?? NOTHING, status);
}
