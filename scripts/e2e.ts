// The browser tests alone, with whatever Playwright options a person adds: npm run e2e -- --headed, --ui, -g "logout".
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { bin, ROOT } from "@cloakroom/testkit/bin.ts";
import { ensureChromium, ensureRedis } from "@cloakroom/testkit/prerequisites.ts";

const env = { ...process.env, REDIS_SERVER: ensureRedis(), CHROMIUM: await ensureChromium() };
const build = spawnSync(bin("vite"), ["build", "--logLevel", "warn"], {
  cwd: join(ROOT, "spa"),
  env,
  stdio: "inherit",
});
const { status } =
  build.status === 0
    ? spawnSync(bin("playwright"), ["test", ...process.argv.slice(2)], {
        cwd: join(ROOT, "e2e"),
        env,
        stdio: "inherit",
      })
    : build;
process.exitCode = status ?? 1;
