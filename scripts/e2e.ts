// npm run e2e: the browser tests alone. Arguments go to Playwright: npm run e2e -- --headed, --ui, -g "logout".
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { bin, ROOT } from "@cloakroom/testkit/bin.ts";
import { programVariables } from "@cloakroom/testkit/programs.ts";
import { ensurePrograms } from "@cloakroom/testkit/install-programs.ts";

try {
  await ensurePrograms(["redis", "chromium"]);
  const env = { ...process.env, ...programVariables(["redis", "chromium"]) };
  const run = (tool: string, args: readonly string[], folder: string) =>
    spawnSync(bin(tool), args, { cwd: join(ROOT, folder), env, stdio: "inherit" }).status ?? 1;
  const buildStatus = run("vite", ["build", "--logLevel", "warn"], "spa");
  process.exitCode = buildStatus === 0 ? run("playwright", ["test", ...process.argv.slice(2)], "e2e") : buildStatus;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
