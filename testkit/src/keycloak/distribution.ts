// Downloads Keycloak's server with Maven, builds it (kc.sh build) and caches the result in the user's cache folder.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { runCommand } from "./run-command.ts";
import { KEYCLOAK_VERSION, MIN_JAVA_MAJOR } from "./version.ts";

/** Java or Maven is missing, or the download failed. The message is one sentence with the remedy. */
export class KeycloakUnavailable extends Error {
  override readonly name = "KeycloakUnavailable";
}

const UNPACK = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack";
const ARTIFACT = `org.keycloak:keycloak-quarkus-dist:${KEYCLOAK_VERSION}:zip`;

/** A build-time option of Keycloak. The image of deploy/keycloak uses `postgres`. */
export type KeycloakDatabase = "dev-file" | "postgres";

/** Part of the cache folder's name: changed options need another BUILD_NAME. */
const BUILD_OPTIONS = ["--health-enabled=true", "--metrics-enabled=true"];
const BUILD_NAME = "health-metrics";

/**
 * @returns the folder of a built distribution. Shared by all runs on this machine: copy it before changing files.
 * @throws KeycloakUnavailable
 */
export async function keycloakDistribution(
  log: (line: string) => void = () => undefined,
  database: KeycloakDatabase = "dev-file",
): Promise<string> {
  await requireJava();
  const folder = join(cacheFolder(), `keycloak-${KEYCLOAK_VERSION}-${database}-${BUILD_NAME}`);
  if (existsSync(folder)) return folder;
  await requireMaven();
  mkdirSync(cacheFolder(), { recursive: true });
  const temporary = mkdtempSync(join(cacheFolder(), "partial-"));
  try {
    log(`Downloading Keycloak ${KEYCLOAK_VERSION} with Maven (about 180 MB, once) …`);
    await unpack(temporary);
    const unpacked = join(temporary, `keycloak-${KEYCLOAK_VERSION}`);
    log("Building Keycloak …");
    await build(unpacked, database);
    // An atomic rename at the end: an existing folder is complete, even with concurrent downloads.
    if (!existsSync(folder)) renameSync(unpacked, folder);
    return folder;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const chosen = env["XDG_CACHE_HOME"];
  if (chosen !== undefined && chosen !== "") return join(chosen, "cloakroom");
  return process.platform === "darwin"
    ? join(homedir(), "Library", "Caches", "cloakroom")
    : join(homedir(), ".cache", "cloakroom");
}

/** @throws KeycloakUnavailable */
async function requireJava(): Promise<void> {
  if (process.platform === "win32")
    throw new KeycloakUnavailable("The Keycloak tests run on Linux and macOS; on Windows run them inside WSL.");
  const remedy = `run \`npm run setup\` or install a Java runtime ${MIN_JAVA_MAJOR} or later`;
  const { code, output } = await runCommand(javaProgram(), ["-version"]);
  if (code !== 0) throw new KeycloakUnavailable(`Keycloak needs Java: ${remedy}.`);
  const major = Number(/version "(?:1\.)?(\d+)/.exec(output)?.[1] ?? 0);
  if (major < MIN_JAVA_MAJOR)
    throw new KeycloakUnavailable(`Keycloak needs Java ${MIN_JAVA_MAJOR} and found ${major}: ${remedy}.`);
}

function javaProgram(): string {
  const home = process.env["JAVA_HOME"];
  return home === undefined || home === "" ? "java" : join(home, "bin", "java");
}

/** @throws KeycloakUnavailable */
async function requireMaven(): Promise<void> {
  if ((await runCommand("mvn", ["-v"])).code !== 0)
    throw new KeycloakUnavailable("Keycloak's server is downloaded with Maven: run `npm run setup` or install Maven.");
}

async function unpack(target: string): Promise<void> {
  const args = ["-q", "-B", UNPACK, `-Dartifact=${ARTIFACT}`, `-DoutputDirectory=${target}`];
  const { code, output } = await runCommand("mvn", args, { cwd: target });
  if (code !== 0)
    throw new KeycloakUnavailable(
      `Maven could not download ${ARTIFACT}: check that it reaches a repository.\n${tail(output)}`,
    );
}

async function build(folder: string, database: KeycloakDatabase): Promise<void> {
  // Some versions of the plugin lose file modes.
  const script = join(folder, "bin", "kc.sh");
  chmodSync(script, 0o755);
  const { code, output } = await runCommand(script, ["build", `--db=${database}`, ...BUILD_OPTIONS], {
    env: childEnv({}),
  });
  if (code !== 0) throw new Error(`kc.sh build failed.\n${tail(output)}`);
}

/** A minimal environment: KC_* variables of this shell would change the server's configuration. */
export function childEnv(variables: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const inherited = ["PATH", "HOME", "JAVA_HOME", "LANG", "TMPDIR"].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(inherited), JAVA_OPTS_KC_HEAP: "-Xms64m -Xmx512m", ...variables };
}

function tail(output: string): string {
  return output.trim().split("\n").slice(-8).join("\n");
}
