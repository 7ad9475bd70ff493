// npm run rehearsal: docker-compose.yml without Docker in a real browser: TLS, audit view, backup and restore.
// Arguments go to Playwright.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { bin, ROOT } from "@cloakroom/testkit/bin.ts";
import { NOTHING, playwrightCount, reportCount, skippedOrFailed, type Count } from "@cloakroom/testkit/counts.ts";
import { KeycloakUnavailable, keycloakDistribution } from "@cloakroom/testkit/keycloak/distribution.ts";
import { ProgramMissing, programVariables, requireProgram, type ProgramName } from "@cloakroom/testkit/programs.ts";
import { ensurePrograms } from "@cloakroom/testkit/install-programs.ts";

const PROGRAMS: readonly ProgramName[] = ["redis", "chromium", "caddy", "postgres"];

const scratch = mkdtempSync(join(tmpdir(), "cloakroom-rehearsal-app-"));
reportCount(await main().finally(() => rmSync(scratch, { recursive: true, force: true })));

async function main(): Promise<Count> {
  const missing = await describeMissing();
  if (missing !== undefined) {
    console.log(`The rehearsal of the composed system was SKIPPED. ${missing}`);
    return skippedOrFailed();
  }
  const report = join(scratch, "report.json");
  const spaRoot = join(scratch, "spa");
  const env = {
    ...process.env,
    ...programVariables(PROGRAMS),
    CLOAKROOM_REHEARSAL_SPA: spaRoot,
    PLAYWRIGHT_JSON_OUTPUT_FILE: report,
    // The Node of npm ci, even if PATH starts with another one.
    PATH: [join(ROOT, "node_modules", ".bin"), process.env["PATH"] ?? ""].join(delimiter),
  };
  const vite = ["build", "--logLevel", "warn", "--outDir", spaRoot, "--emptyOutDir"];
  const built = spawnSync(bin("vite"), vite, { cwd: join(ROOT, "spa"), env, stdio: "inherit" });
  if (built.status !== 0) return { ...NOTHING, failed: 1 };
  const args = ["test", "--reporter=list,json", ...process.argv.slice(2)];
  const cwd = join(ROOT, "deploy", "rehearsal");
  const { status } = spawnSync(bin("playwright"), args, { cwd, env, stdio: "inherit" });
  return playwrightCount(report, status);
}

/** @returns one sentence with the missing program and how to install it, undefined if nothing is missing */
async function describeMissing(): Promise<string | undefined> {
  try {
    await ensurePrograms(PROGRAMS);
    for (const name of ["postgres", "caddy"] as const) requireProgram(name);
    await keycloakDistribution((line) => console.log(line), "postgres");
    return undefined;
  } catch (error) {
    if (error instanceof KeycloakUnavailable || error instanceof ProgramMissing) return error.message;
    throw error;
  }
}
