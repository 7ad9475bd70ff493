// npm run e2e:engines: the scenarios of e2e/engines in Chromium, Firefox and WebKit. `-- --engine webkit` runs one
// engine; other options go to Playwright. Scenarios of engines that are not installed are skipped.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSpa } from "@cloakroom/demo/launcher/spa-build.ts";
import { bin, ROOT } from "@cloakroom/testkit/bin.ts";
import { COUNT_FILE_VARIABLE, playwrightCount, reportCount, type Count } from "@cloakroom/testkit/counts.ts";
import { programVariables, type ProgramName } from "@cloakroom/testkit/programs.ts";
import { ensurePrograms } from "@cloakroom/testkit/install-programs.ts";

/** Far longer than a run on a busy machine. */
const timeoutMs = 10 * 60_000;

const PROGRAMS: readonly ProgramName[] = ["redis", "chromium", "firefox", "webkitDriver", "xvfb"];

try {
  await ensurePrograms(PROGRAMS);
  await buildSpa(console.log);
  const count = runEngines(playwrightOptions(process.argv.slice(2)));
  reportCount(count);
  // Alone, a run in which every engine was skipped is a failure.
  if (count.passed === 0 && process.env[COUNT_FILE_VARIABLE] === undefined) process.exitCode = 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

/** Engines are Playwright projects. One argument each: Playwright reads everything after `--project` as projects. */
function playwrightOptions([first, ...rest]: readonly string[]): string[] {
  if (first === undefined) return [];
  if (first !== "--engine") return [first.replace(/^--engine=/, "--project="), ...playwrightOptions(rest)];
  return [`--project=${rest[0] ?? ""}`, ...playwrightOptions(rest.slice(1))];
}

function runEngines(options: readonly string[]): Count {
  const folder = mkdtempSync(join(tmpdir(), "cloakroom-engines-"));
  const report = join(folder, "report.json");
  const env = { ...process.env, ...programVariables(PROGRAMS), PLAYWRIGHT_JSON_OUTPUT_FILE: report };
  try {
    const args = ["test", "--reporter=list,json", ...options];
    const cwd = join(ROOT, "e2e", "engines");
    const { status } = spawnSync(bin("playwright"), args, { cwd, env, stdio: "inherit", timeout: timeoutMs });
    return playwrightCount(report, status);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
