// npm run e2e:keycloak: a real Keycloak, the resource API and the gateway, the browser tests against them, and the end.
// Playwright's own options may follow: -g "step-up", --headed.
import { spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { WORLD_VARIABLE } from "../../e2e-keycloak/support/world.ts";
import { bin, ROOT } from "../bin.ts";
import { ensureChromium, ensureRedis } from "../prerequisites.ts";
import { KeycloakUnavailable } from "./distribution.ts";
import { startSystemOnKeycloak } from "./system.ts";

const scratch = mkdtempSync(join(tmpdir(), "cloakroom-e2e-keycloak-"));
process.exitCode = await main().finally(() => rmSync(scratch, { recursive: true, force: true }));

async function main(): Promise<number> {
  process.env["REDIS_SERVER"] = ensureRedis();
  const chromium = await ensureChromium();
  const spaRoot = join(scratch, "spa");
  const vite = ["build", "--logLevel", "warn", "--outDir", spaRoot, "--emptyOutDir"];
  if ((await run(bin("vite"), vite, { cwd: join(ROOT, "spa") })) !== 0) return 1;
  const logFile = process.env["KEYCLOAK_LOG"] ?? join(scratch, "keycloak.log");
  const system = await startSystemOnKeycloak({
    spaRoot,
    logFile,
    say: (line) => console.log(line),
    onKeycloakText: (text) => appendFileSync(logFile, text),
  }).catch(skippedOrFailed);
  if (typeof system === "number") return system;
  // Ctrl-C reaches Playwright too; it ends, and then we do.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined);
  try {
    return await run(bin("playwright"), ["test", ...process.argv.slice(2)], {
      cwd: join(ROOT, "e2e-keycloak"),
      // The tests start gateways of their own: with our Node, also where another one comes first on PATH.
      env: {
        ...process.env,
        PATH: pathWithOurNode(),
        CHROMIUM: chromium,
        [WORLD_VARIABLE]: JSON.stringify(system.world),
      },
    });
  } finally {
    await system.stop();
  }
}

/** Skipped is not passed: it says so, and where Keycloak is demanded it is a failure. */
function skippedOrFailed(error: unknown): number {
  if (!(error instanceof KeycloakUnavailable)) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
  console.log(`The tests against a real Keycloak were SKIPPED. ${error.message}`);
  if (process.env["REQUIRE_KEYCLOAK"] === "1") return 1;
  console.log("\n0 passed, 0 failed, 1 skipped");
  return 0;
}

function pathWithOurNode(): string {
  return [join(ROOT, "node_modules", ".bin"), process.env["PATH"] ?? ""].join(delimiter);
}

function run(program: string, args: readonly string[], options: { cwd: string; env?: NodeJS.ProcessEnv }) {
  return new Promise<number>((resolve) => {
    const child = spawn(program, args, { ...options, stdio: "inherit" });
    child.once("error", () => resolve(1));
    child.once("exit", (code) => resolve(code ?? 1));
  });
}
