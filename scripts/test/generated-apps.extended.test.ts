// A stranger's first minutes: the packed create-cloakroom in an empty folder outside the repository, then install, build,
// test and a logged-in browser, for each template. Durations are printed.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { chromium, type Browser } from "@playwright/test";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { chromiumLaunchOptions } from "@cloakroom/testkit/chromium.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packAll } from "../release/pack.ts";

const TEMPLATES = readdirSync(join(ROOT, "packages/create-cloakroom/templates")).filter((name) => name !== "shared");
const timeoutMs = 10 * 60_000;
/** As a shell has it: without the variables of npm and of the test runner. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(?:npm_|NODE_ENV|NODE_OPTIONS|VITEST|TEST$|OIDC_|VITE_)/i.test(name),
  ),
);

let parent: string;
let tarballs: string;
/** The tarball of create-cloakroom. */
let create: string;
let browser: Browser;

beforeAll(async () => {
  parent = realpathSync(mkdtempSync(join(tmpdir(), "create cloakroom ")));
  tarballs = join(parent, "packages");
  const files = packAll(tarballs, join(ROOT, ".cache", "packages-create"));
  create = files.find((file) => basename(file).startsWith("create-cloakroom-")) ?? "";
  browser = await chromium.launch(chromiumLaunchOptions());
}, timeoutMs);
afterAll(async () => {
  await browser.close();
  rmSync(parent, { recursive: true, force: true });
}, timeoutMs);

/** @throws with the output unless the command succeeds */
function run(cwd: string, command: string, ...args: readonly string[]): string {
  const startedAtMs = performance.now();
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: "utf8", timeout: timeoutMs });
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
  process.stderr.write(`${seconds.padStart(6)} s  ${command} ${args.join(" ")}\n`);
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}:\n${stdout}\n${stderr}`);
  return stdout;
}

/** Starts `npm run dev`, logs in and stops it. */
async function logInToDevServer(folder: string): Promise<void> {
  const startedAtMs = performance.now();
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  const dev = spawn("npm", ["run", "dev", "--", "--port", String(port), "--strictPort"], {
    ...{ cwd: folder, env, detached: true },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [dev.stdout, dev.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const context = await browser.newContext();
  try {
    await expect.poll(() => output, { timeout: 120_000 }).toContain("Log in as alice");
    const page = await context.newPage();
    await page.goto(origin);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByLabel(/Username/).fill("alice");
    await page.getByLabel("Password", { exact: true }).fill("alice-demo-password");
    await page.getByRole("button", { name: "Log in", exact: true }).click();
    await page.getByRole("heading", { name: "Hello, Alice Example" }).waitFor({ timeout: 60_000 });
    expect(new URL(page.url()).origin).toBe(origin);
    // The focus survives the end of the session, which replaces the page.
    await page.getByRole("button", { name: "Log out" }).focus();
    await page.evaluate(() => fetch("/bff/sessions", { method: "DELETE", headers: { "X-CSRF": "1" } }));
    await page.locator("button:focus", { hasText: "Log in" }).waitFor();
    await page.getByText("Your session has ended. Please log in again.").waitFor();
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${output}`, { cause: error });
  } finally {
    await context.close();
    // The group of npm, its shell and Vite.
    if (dev.pid !== undefined) process.kill(-dev.pid, "SIGTERM");
    await once(dev, "close");
  }
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
  process.stderr.write(`${seconds.padStart(6)} s  npm run dev, to a logged-in browser and stopped\n`);
}

test.each(TEMPLATES)(
  "the %s app installs, builds, passes its own test and logs a user in",
  async (template) => {
    const name = `my ${template} app`;
    const folder = join(parent, name);
    const options = ["--template", template, "--packages", tarballs];
    const next = run(parent, "npm", "exec", "--yes", `--package=${create}`, "--", "create-cloakroom", name, ...options);
    expect(next).toContain(`  cd "${name}"\n  npm install\n  npm run dev\n`);
    run(folder, "npm", "install", "--prefer-offline", "--no-audit", "--no-fund");
    run(folder, "npm", "run", "build");
    expect(run(folder, "npm", "test")).toContain("2 passed");
    await logInToDevServer(folder);
    if (template !== "vanilla") return;
    // The oldest supported version of Vite.
    run(folder, "npm", "install", "--prefer-offline", "--no-audit", "--no-fund", "--save-dev", "vite@7");
    await logInToDevServer(folder);
  },
  timeoutMs,
);
