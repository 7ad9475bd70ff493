// npm run rehearsal: docker-compose.yml without Docker, in a real browser: TLS in front, the audit view, backup and
// restore. Playwright's own options may follow.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { bin, ROOT } from "@cloakroom/testkit/bin.ts";
import { countLine, NOTHING, playwrightCount, type Count } from "@cloakroom/testkit/counts.ts";
import { KeycloakUnavailable, keycloakDistribution } from "@cloakroom/testkit/keycloak/distribution.ts";
import { COUNT_FILE_VARIABLE } from "@cloakroom/testkit/keycloak/e2e-count.ts";
import {
  ensureCaddy,
  ensureChromium,
  ensurePostgres,
  ensureRedis,
  ProgramMissing,
} from "@cloakroom/testkit/prerequisites.ts";

const scratch = mkdtempSync(join(tmpdir(), "cloakroom-rehearsal-app-"));
const count = await main().finally(() => rmSync(scratch, { recursive: true, force: true }));
console.log(`\n${countLine(count)}`);
const countFile = process.env[COUNT_FILE_VARIABLE];
if (countFile !== undefined) writeFileSync(countFile, JSON.stringify(count));
process.exitCode = count.failed === 0 ? 0 : 1;

async function main(): Promise<Count> {
  const missing = await whatIsMissing();
  if (missing !== undefined) {
    console.log(`The rehearsal of the composed system was SKIPPED. ${missing}`);
    return process.env["REQUIRE_KEYCLOAK"] === "1" ? { ...NOTHING, failed: 1 } : { ...NOTHING, skipped: 1 };
  }
  const report = join(scratch, "report.json");
  const spaRoot = join(scratch, "spa");
  const env = {
    ...process.env,
    REDIS_SERVER: ensureRedis(),
    CHROMIUM: await ensureChromium(),
    CLOAKROOM_REHEARSAL_SPA: spaRoot,
    PLAYWRIGHT_JSON_OUTPUT_FILE: report,
    // With our Node, also where another one comes first on PATH.
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

/** @returns one sentence that says what to install */
async function whatIsMissing(): Promise<string | undefined> {
  try {
    ensurePostgres();
    ensureCaddy();
    await keycloakDistribution((line) => console.log(line), "postgres");
    return undefined;
  } catch (error) {
    if (error instanceof KeycloakUnavailable || error instanceof ProgramMissing) return error.message;
    throw error;
  }
}
