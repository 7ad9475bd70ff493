// npm run rehearsal: docker-compose.yml without Docker, in a real browser: TLS in front, the audit view, backup and
// restore. Playwright's own options may follow.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { bin, ROOT } from "./bin.ts";
import { KeycloakUnavailable, keycloakDistribution } from "./keycloak/distribution.ts";
import { ensureCaddy, ensureChromium, ensurePostgres, ensureRedis, ProgramMissing } from "./prerequisites.ts";

const scratch = mkdtempSync(join(tmpdir(), "cloakroom-rehearsal-app-"));
process.exitCode = await main().finally(() => rmSync(scratch, { recursive: true, force: true }));

async function main(): Promise<number> {
  const missing = await whatIsMissing();
  if (missing !== undefined) {
    console.log(`The rehearsal of the composed system was SKIPPED. ${missing}`);
    if (process.env["REQUIRE_KEYCLOAK"] === "1") return 1;
    console.log("\n0 passed, 0 failed, 1 skipped");
    return 0;
  }
  const env = {
    ...process.env,
    REDIS_SERVER: ensureRedis(),
    CHROMIUM: await ensureChromium(),
    CLOAKROOM_REHEARSAL_SPA: join(scratch, "spa"),
    PATH: [join(ROOT, "node_modules", ".bin"), process.env["PATH"] ?? ""].join(delimiter),
  };
  const vite = ["build", "--logLevel", "warn", "--outDir", env.CLOAKROOM_REHEARSAL_SPA, "--emptyOutDir"];
  const built = spawnSync(bin("vite"), vite, { cwd: join(ROOT, "spa"), env, stdio: "inherit" });
  if (built.status !== 0) return 1;
  const args = ["test", ...process.argv.slice(2)];
  const cwd = join(ROOT, "deploy", "rehearsal");
  return spawnSync(bin("playwright"), args, { cwd, env, stdio: "inherit" }).status ?? 1;
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
