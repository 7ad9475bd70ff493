// The whole test: lint, types, format, unit and integration tests on a real Redis, browser tests in Chromium.
// Ends with one line `N passed, N failed` that counts all of them.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bin, ROOT } from "./bin.ts";
import { runChecks } from "./check.ts";
import { ensureChromium, ensureRedis } from "./prerequisites.ts";

type Count = { passed: number; failed: number; skipped: number };

const reports = mkdtempSync(join(tmpdir(), "cloakroom-test-"));

try {
  const env = { ...process.env, REDIS_SERVER: ensureRedis(), CHROMIUM: await ensureChromium() };
  const counts = [countChecks(), runVitest(env), buildApp(env), runPlaywright(env)];
  const total = (key: keyof Count) => counts.reduce((sum, count) => sum + count[key], 0);
  const skipped = total("skipped");
  console.log(`\n${total("passed")} passed, ${total("failed")} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  process.exitCode = total("failed") === 0 && total("passed") > 0 ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(reports, { recursive: true, force: true });
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
  const { numPassedTests, numFailedTests, numPendingTests } = readReport<{
    numPassedTests: number;
    numFailedTests: number;
    numPendingTests: number;
  }>(report) ?? { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0 };
  return atLeastOneFailure({ passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests }, status);
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
  const stats = readReport<{ stats: { expected: number; unexpected: number; flaky: number; skipped: number } }>(
    report,
  )?.stats;
  const { expected = 0, unexpected = 0, flaky = 0, skipped = 0 } = stats ?? {};
  return atLeastOneFailure({ passed: expected, failed: unexpected + flaky, skipped }, status);
}

function readReport<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as T;
  } catch {
    return undefined;
  }
}

/** A runner that broke down before it counted has failed all the same. */
function atLeastOneFailure(count: Count, status: number | null): Count {
  return status === 0 || count.failed > 0 ? count : { ...count, failed: 1 };
}
