// Programs of the contestants: finds them or installs them with one command. @throws Missing otherwise
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { Missing } from "./contestant.ts";

const CACHE = join(import.meta.dirname, "../../.cache/bench");
const INSTALL_MS = 300_000;

export function findProgram(name: string): string | undefined {
  // Debian installs servers into folders that the PATH of ordinary users lacks.
  return [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"]
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file));
}

/** @param file a file of the package, to check whether it is installed. @throws Missing */
export function needDebianPackage(name: string, file: () => string | undefined): string {
  const found = file() ?? installed(name, file);
  if (found === undefined) throw new Missing(`needs the Debian package ${name} (apt-get install ${name})`);
  return found;
}

/** Only if sudo needs no password. */
function installed(name: string, file: () => string | undefined): string | undefined {
  if (findProgram("apt-get") === undefined || process.getuid?.() !== 0) return undefined;
  const isDone = ["update", "install"].every((verb) =>
    runs("apt-get", verb === "update" ? ["update"] : ["install", "-y", "--no-install-recommends", name]),
  );
  return isDone ? file() : undefined;
}

/** @returns the path of the program, built once into .cache/bench. @throws Missing */
export function needGoProgram(module: string, version: string): string {
  const folder = join(CACHE, version);
  const program = join(folder, module.replace(/\/v\d+$/, "").replace(/^.*\//, ""));
  if (existsSync(program)) return program;
  const go = findProgram("go");
  if (go === undefined) throw new Missing("needs a Go toolchain to build it");
  mkdirSync(folder, { recursive: true });
  if (!runs(go, ["install", `${module}@${version}`], { GOBIN: folder }) || !existsSync(program))
    throw new Missing(`go install ${module}@${version} failed`);
  return program;
}

/** Installs its packages only here, so that users of the gateway do not need them. @throws Missing */
export function needNpmPackages(folder: string): void {
  if (existsSync(join(folder, "node_modules"))) return;
  if (!runs("npm", ["ci"], {}, folder)) throw new Missing("npm ci for it failed");
}

function runs(file: string, args: readonly string[], env: Record<string, string> = {}, cwd?: string): boolean {
  console.error(`  ${file} ${args.join(" ")} …`);
  try {
    execFileSync(file, args, {
      cwd,
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", ...env },
      stdio: ["ignore", "ignore", "inherit"],
      timeout: INSTALL_MS,
    });
    return true;
  } catch {
    return false;
  }
}
