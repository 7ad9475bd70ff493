// Runs the scenarios of e2e/engines and counts them. An engine that is not installed and cannot be counts as skipped.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bin, ROOT } from "@cloakroom/testkit/bin.ts";
import { playwrightCount, type Count } from "@cloakroom/testkit/counts.ts";
import { ensureFirefox, ensureWebKitDriver, ensureXvfb, ProgramMissing } from "@cloakroom/testkit/prerequisites.ts";

/** More than the run takes on a busy machine: only a runner that hangs meets it. */
const timeoutMs = 10 * 60_000;

/** @param env names Redis and Chromium. @param options of Playwright; needs the built app */
export function runEngines(env: NodeJS.ProcessEnv, options: readonly string[] = []): Count {
  const folder = mkdtempSync(join(tmpdir(), "cloakroom-engines-"));
  const report = join(folder, "report.json");
  try {
    const { status } = spawnSync(bin("playwright"), ["test", "--reporter=list,json", ...options], {
      cwd: join(ROOT, "e2e", "engines"),
      env: { ...env, ...installedPrograms(), PLAYWRIGHT_JSON_OUTPUT_FILE: report },
      stdio: "inherit",
      timeout: timeoutMs,
    });
    return playwrightCount(report, status);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Paths by the variables that e2e/engines/support/engines.ts reads; says once what is missing. */
function installedPrograms(): Record<string, string> {
  const programs = { FIREFOX: ensureFirefox, WEBKIT_DRIVER: ensureWebKitDriver, XVFB: ensureXvfb };
  const paths: Record<string, string> = {};
  for (const [variable, ensure] of Object.entries(programs))
    try {
      paths[variable] = ensure();
    } catch (error) {
      if (!(error instanceof ProgramMissing)) throw error;
      console.log(error.message);
    }
  return paths;
}
