// npm run e2e:foreign: the packed packages in apps outside the workspace, in Chromium. Packs the packages, copies each app of
// e2e-foreign/apps to a cache folder, and installs and builds it there if it or a package has changed. Then the browser tests
// of `npm test` run on the packed gateway. Options go to Playwright, and leave those out: npm run e2e:foreign -- --grep Fastify.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { bin, ROOT } from "@cloakroom/testkit/bin.ts";
import { playwrightCount, reportCount, sumOf, type Count } from "@cloakroom/testkit/counts.ts";
import { ensurePrograms } from "@cloakroom/testkit/install-programs.ts";
import { programVariables, type ProgramName } from "@cloakroom/testkit/programs.ts";
import { packAll } from "./release/pack.ts";
import { publishedPackages, readManifest } from "./release/packages.ts";

const SOURCE = join(ROOT, "e2e-foreign");
const PROGRAMS: readonly ProgramName[] = ["redis", "chromium"];
const NOT_IN_NPM_TEST = "@extended|\\.extended\\.spec\\.ts|@screenshots";
/** Far longer than a run on a busy machine. */
const timeoutMs = 20 * 60_000;
const NPM_OPTIONS = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"];
/** Outside the repository: an import that a package does not declare must not be found in the node_modules of the root. */
const CACHE = join(
  process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"),
  "cloakroom",
  `foreign-${createHash("sha256").update(ROOT).digest("hex").slice(0, 12)}`,
);
/** This Node comes first: that of the system may be too old. */
const PATH = [dirname(process.execPath), process.env["PATH"]].join(delimiter);

try {
  await ensurePrograms(PROGRAMS);
  const tarballs = packAll(join(CACHE, "packages"));
  for (const name of readdirSync(join(SOURCE, "apps"))) prepare(name, tarballs);
  const options = process.argv.slice(2);
  const counts = [runTests(SOURCE, options)];
  if (options.length === 0) counts.push(runBrowserTests());
  reportCount(sumOf(counts));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

/** Copies, installs and builds the app, unless it is up to date. @throws Error if npm fails */
function prepare(name: string, tarballs: readonly string[]): void {
  const source = join(SOURCE, "apps", name);
  const folder = join(CACHE, name);
  const wanted = tarballsFor(source, tarballs);
  const state = fingerprint(source, wanted);
  const marker = join(folder, ".built");
  if (existsSync(marker) && readFileSync(marker, "utf8") === state) return;
  console.log(`Installing and building e2e-foreign/apps/${name}.`);
  rmSync(folder, { recursive: true, force: true });
  cpSync(source, folder, { recursive: true, filter: (path) => basename(path) !== "node_modules" });
  runNpm(folder, ["install", ...NPM_OPTIONS, ...wanted]);
  runNpm(folder, ["run", "-s", "build", "--if-present"]);
  writeFileSync(marker, state);
}

/** @returns the tarballs of the packages that the app depends on, directly or through another one */
function tarballsFor(app: string, tarballs: readonly string[]): string[] {
  const manifests = new Map(publishedPackages(ROOT).map(({ manifest }) => [manifest.name, manifest]));
  const wanted = new Set<string>();
  const visit = (dependencies: Readonly<Record<string, string>> = {}): void => {
    for (const name of Object.keys(dependencies)) {
      if (!manifests.has(name) || wanted.has(name)) continue;
      wanted.add(name);
      visit(manifests.get(name)?.dependencies);
    }
  };
  const { dependencies, devDependencies } = readManifest(app);
  visit({ ...dependencies, ...devDependencies });
  const fileOf = (name: string) => `${name.replace("@", "").replace("/", "-")}-${manifests.get(name)?.version}.tgz`;
  return [...wanted].map((name) => tarballs.find((path) => basename(path) === fileOf(name)) ?? name);
}

function fingerprint(source: string, tarballs: readonly string[]): string {
  const sum = createHash("sha256").update(process.version);
  const files = globSync("**/*", { cwd: source, withFileTypes: true, exclude: ["node_modules"] })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  for (const file of [...files.toSorted(), ...tarballs]) sum.update(basename(file)).update(readFileSync(file));
  return sum.digest("hex");
}

function runNpm(cwd: string, args: readonly string[]): void {
  const env = { ...process.env, PATH, NEXT_TELEMETRY_DISABLED: "1" };
  const { status } = spawnSync("npm", args, { cwd, env, stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error(`npm ${args[0]} ${args[1] ?? ""} failed in ${cwd}.`);
}

/** With the gateway that an app has installed. */
function runBrowserTests(): Count {
  const gateway = join(CACHE, "fastify", "node_modules", "@cloakroom", "gateway", "dist", "main.js");
  const { status } = spawnSync(bin("vite"), ["build", "--logLevel", "warn"], {
    cwd: join(ROOT, "spa"),
    stdio: "inherit",
  });
  if (status !== 0) throw new Error("The app does not build.");
  return runTests(join(ROOT, "e2e"), ["--grep-invert", NOT_IN_NPM_TEST], { GATEWAY_ENTRY: gateway });
}

function runTests(cwd: string, options: readonly string[], settings: Readonly<Record<string, string>> = {}): Count {
  const folder = mkdtempSync(join(tmpdir(), "cloakroom-foreign-"));
  const report = join(folder, "report.json");
  const variables = { FOREIGN_APPS: CACHE, PATH, PLAYWRIGHT_JSON_OUTPUT_FILE: report };
  const env = { ...process.env, ...programVariables(PROGRAMS), ...variables, ...settings };
  try {
    const args = ["test", "--reporter=list,json", ...options];
    const { status } = spawnSync(bin("playwright"), args, { cwd, env, stdio: "inherit", timeout: timeoutMs });
    return playwrightCount(report, status);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
