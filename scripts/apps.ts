// npm run e2e:apps: apps of other frameworks behind the gateway, in Chromium. Installs and builds each app of e2e-apps/apps
// whose lock file or source has changed. Options go to Playwright: npm run e2e:apps -- --grep Astro.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bin, ROOT } from "@cloakroom/testkit/bin.ts";
import { playwrightCount, reportCount, type Count } from "@cloakroom/testkit/counts.ts";
import { ensurePrograms } from "@cloakroom/testkit/install-programs.ts";
import { programVariables, type ProgramName } from "@cloakroom/testkit/programs.ts";

const APPS = join(ROOT, "e2e-apps", "apps");
const PROGRAMS: readonly ProgramName[] = ["redis", "chromium"];
/** Far longer than a run on a busy machine. */
const timeoutMs = 20 * 60_000;
const GENERATED: ReadonlySet<string> = new Set(["node_modules", "build", "dist", "next-env.d.ts"]);

try {
  await ensurePrograms(PROGRAMS);
  for (const name of readdirSync(APPS)) prepare(name);
  reportCount(runTests(process.argv.slice(2)));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

/** Runs `npm ci` and `npm run build`, unless the app is up to date. @throws Error if one of them fails */
function prepare(name: string): void {
  const folder = join(APPS, name);
  if (!existsSync(join(folder, "package-lock.json"))) return;
  const marker = join(folder, "node_modules", ".built");
  const state = fingerprint(folder);
  if (existsSync(marker) && readFileSync(marker, "utf8") === state) return;
  console.log(`Installing and building e2e-apps/apps/${name}.`);
  runNpm(folder, ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
  const { scripts = {} } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { scripts?: object };
  if ("build" in scripts) runNpm(folder, ["run", "-s", "build"]);
  writeFileSync(marker, state);
}

function runNpm(folder: string, args: readonly string[]): void {
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1", ASTRO_TELEMETRY_DISABLED: "1" };
  const { status } = spawnSync("npm", args, { cwd: folder, env, stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error(`npm ${args.join(" ")} failed in ${folder}.`);
}

/** A hash of the app's source, hidden folders excluded. */
function fingerprint(folder: string): string {
  const sum = createHash("sha256");
  const visit = (path: string): void => {
    for (const name of readdirSync(path).toSorted()) {
      if (name.startsWith(".") || GENERATED.has(name)) continue;
      const each = join(path, name);
      if (statSync(each).isDirectory()) visit(each);
      else sum.update(name).update(readFileSync(each));
    }
  };
  visit(folder);
  return sum.digest("hex");
}

function runTests(options: readonly string[]): Count {
  const folder = mkdtempSync(join(tmpdir(), "cloakroom-apps-"));
  const report = join(folder, "report.json");
  const env = { ...process.env, ...programVariables(PROGRAMS), PLAYWRIGHT_JSON_OUTPUT_FILE: report };
  try {
    const args = ["test", "--reporter=list,json", ...options];
    const cwd = join(ROOT, "e2e-apps");
    const { status } = spawnSync(bin("playwright"), args, { cwd, env, stdio: "inherit", timeout: timeoutMs });
    return playwrightCount(report, status);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
