// What the tests need from the machine: found, installed where that is possible, or asked for in one sentence.
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

const CHROMIUM_NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const REDIS_NAMES = ["redis-server", "valkey-server"];

/** Debian keeps the server's programs off PATH, by version. */
const POSTGRES_FOLDER = "/usr/lib/postgresql";

/** A program that only some tests need; the message is one sentence that says what to install. */
export class ProgramMissing extends Error {
  override readonly name = "ProgramMissing";
}

/** @returns a path, or undefined where none of the names is an executable on PATH. */
export function findOnPath(names: readonly string[]): string | undefined {
  for (const name of names)
    for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
      const candidate = join(folder, name);
      try {
        accessSync(candidate, constants.X_OK);
        return candidate;
      } catch {
        // Not here: the next folder may have it.
      }
    }
  return undefined;
}

/** @throws Error with the one sentence that says what to install. */
export function ensureRedis(): string {
  const found = process.env["REDIS_SERVER"] ?? findOnPath(REDIS_NAMES);
  if (found !== undefined) return found;
  aptInstall("redis-server");
  const installed = findOnPath(REDIS_NAMES);
  if (installed !== undefined) return installed;
  throw new Error(
    "The tests need a real Redis: install redis-server or valkey-server so that it is on PATH " +
      "(Debian: apt-get install redis-server, macOS: brew install redis).",
  );
}

/** @throws Error with the one sentence that says what to install. */
export async function ensureChromium(): Promise<string> {
  const { chromium } = await import("playwright");
  const bundled = () => (existsSync(chromium.executablePath()) ? chromium.executablePath() : undefined);
  const found = process.env["CHROMIUM"] ?? bundled() ?? findOnPath(CHROMIUM_NAMES);
  if (found !== undefined) return found;
  aptInstall("chromium");
  const installed = findOnPath(CHROMIUM_NAMES);
  if (installed !== undefined) return installed;
  console.log("Chromium is missing: fetching Playwright's own.");
  spawnSync("npx", ["playwright", "install", "chromium"], { stdio: "inherit", timeout: 300_000 });
  const fetched = bundled();
  if (fetched !== undefined) return fetched;
  throw new Error(
    "The browser tests need Chromium: install it (Debian: apt-get install chromium) or set CHROMIUM to its path.",
  );
}

/** @returns the folder of initdb and postgres, or undefined where there is none */
export function findPostgres(): string | undefined {
  const versions = existsSync(POSTGRES_FOLDER) ? readdirSync(POSTGRES_FOLDER) : [];
  const folders = versions
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(POSTGRES_FOLDER, version, "bin"));
  const onPath = findOnPath(["initdb"]);
  if (onPath !== undefined) folders.push(dirname(onPath));
  return folders.find((folder) => existsSync(join(folder, "postgres")) && existsSync(join(folder, "initdb")));
}

/** @throws ProgramMissing */
export function ensurePostgres(): string {
  const found = findPostgres();
  if (found !== undefined) return found;
  aptInstall("postgresql");
  const installed = findPostgres();
  if (installed !== undefined) return installed;
  throw new ProgramMissing("It needs a PostgreSQL server: install one (Debian: apt-get install postgresql).");
}

/** @throws ProgramMissing */
export const ensureCaddy = (): string =>
  ensureProgram({
    variable: "CADDY",
    names: ["caddy"],
    packageName: "caddy",
    missing: "It needs the TLS proxy Caddy: install it (Debian: apt-get install caddy).",
  });

/** @throws ProgramMissing */
export const ensureFirefox = (): string =>
  ensureProgram({
    variable: "FIREFOX",
    names: ["firefox-esr", "firefox"],
    packageName: "firefox-esr",
    missing: "The Firefox tests are skipped: install Firefox (Debian: apt-get install firefox-esr) or set FIREFOX.",
  });

/** @throws ProgramMissing */
export const ensureWebKitDriver = (): string =>
  ensureProgram({
    variable: "WEBKIT_DRIVER",
    names: ["WebKitWebDriver"],
    packageName: "webkit2gtk-driver",
    missing: "The WebKit tests are skipped: install WebKitGTK's driver (Debian: apt-get install webkit2gtk-driver).",
  });

/** @throws ProgramMissing */
export const ensureXvfb = (): string =>
  ensureProgram({
    variable: "XVFB",
    names: ["Xvfb"],
    packageName: "xvfb",
    missing: "The WebKit tests are skipped: install the X server Xvfb (Debian: apt-get install xvfb).",
  });

type WantedProgram = { variable: string; names: readonly string[]; packageName: string; missing: string };

/** @returns the path in the variable, or on PATH, if need be after an installation. @throws ProgramMissing */
function ensureProgram({ variable, names, packageName, missing }: WantedProgram): string {
  const find = () => process.env[variable] ?? findOnPath(names);
  const found = find();
  if (found !== undefined) return found;
  aptInstall(packageName);
  const installed = find();
  if (installed !== undefined) return installed;
  throw new ProgramMissing(missing);
}

function aptInstall(name: string): void {
  if (process.platform !== "linux" || findOnPath(["apt-get"]) === undefined) return;
  const sudo = process.getuid?.() === 0 ? [] : ["sudo", "-n"];
  if (sudo.length > 0 && (findOnPath(["sudo"]) === undefined || spawnSync("sudo", ["-n", "true"]).status !== 0)) return;
  console.log(`${name} is missing: installing it with apt-get.`);
  // RUNLEVEL=1 keeps the package from starting a service of its own.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  const run = (...args: string[]) => {
    const [command = "", ...rest] = [...sudo, "apt-get", ...args];
    return spawnSync(command, rest, { env, stdio: ["ignore", "ignore", "inherit"] });
  };
  run("update", "-q");
  run("install", "-y", "-q", "--no-install-recommends", name);
}
