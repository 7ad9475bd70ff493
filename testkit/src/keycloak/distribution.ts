// Keycloak's server on this machine: fetched once through Maven, built once with our build options, kept in the cache.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { runCommand } from "./run-command.ts";
import { KEYCLOAK_VERSION, MIN_JAVA_MAJOR } from "./version.ts";

/** This machine cannot run Keycloak; the message is one sentence that says what to install. */
export class KeycloakUnavailable extends Error {
  override readonly name = "KeycloakUnavailable";
}

const UNPACK = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack";
const ARTIFACT = `org.keycloak:keycloak-quarkus-dist:${KEYCLOAK_VERSION}:zip`;

/** Fixed at build time in Keycloak: `postgres` is what the image of deploy/keycloak is built with. */
export type KeycloakDatabase = "dev-file" | "postgres";
/** Of every build; another list needs another cache folder. */
const BUILD_OPTIONS = ["--health-enabled=true", "--metrics-enabled=true"];
const BUILD_NAME = "health-metrics";

/**
 * @returns the folder of a built distribution. It is shared by everyone on the machine: copy, never change it.
 * @throws KeycloakUnavailable
 */
export async function keycloakDistribution(
  say: (line: string) => void = () => undefined,
  database: KeycloakDatabase = "dev-file",
): Promise<string> {
  await requireJava();
  const folder = join(cacheFolder(), `keycloak-${KEYCLOAK_VERSION}-${database}-${BUILD_NAME}`);
  if (existsSync(folder)) return folder;
  await requireMaven();
  mkdirSync(cacheFolder(), { recursive: true });
  const workshop = mkdtempSync(join(cacheFolder(), "unfinished-"));
  try {
    say(`Fetching Keycloak ${KEYCLOAK_VERSION} through Maven (about 180 MB, once) …`);
    await unpack(workshop);
    const unpacked = join(workshop, `keycloak-${KEYCLOAK_VERSION}`);
    say("Building it …");
    await build(unpacked, database);
    // Last, in one step: a folder of this name is complete, also where two processes did the same at once.
    if (!existsSync(folder)) renameSync(unpacked, folder);
    return folder;
  } finally {
    rmSync(workshop, { recursive: true, force: true });
  }
}

export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
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
  const cure = `install a Java runtime ${MIN_JAVA_MAJOR} or later (Debian: apt-get install openjdk-17-jre-headless)`;
  const { code, output } = await runCommand(javaProgram(), ["-version"]);
  if (code !== 0) throw new KeycloakUnavailable(`Keycloak needs Java and there is none: ${cure}.`);
  const major = Number(/version "(?:1\.)?(\d+)/.exec(output)?.[1] ?? 0);
  if (major < MIN_JAVA_MAJOR)
    throw new KeycloakUnavailable(`Keycloak needs Java ${MIN_JAVA_MAJOR} and found ${major}: ${cure}.`);
}

function javaProgram(): string {
  const home = process.env["JAVA_HOME"];
  return home === undefined || home === "" ? "java" : join(home, "bin", "java");
}

/** @throws KeycloakUnavailable */
async function requireMaven(): Promise<void> {
  if ((await runCommand("mvn", ["-v"])).code !== 0)
    throw new KeycloakUnavailable(
      "Keycloak's server is fetched through Maven and there is none: install it (Debian: apt-get install maven).",
    );
}

async function unpack(target: string): Promise<void> {
  const args = ["-q", "-B", UNPACK, `-Dartifact=${ARTIFACT}`, `-DoutputDirectory=${target}`];
  const { code, output } = await runCommand("mvn", args, { cwd: target });
  if (code !== 0)
    throw new KeycloakUnavailable(
      `Maven could not fetch ${ARTIFACT}: check that it reaches a repository.\n${tail(output)}`,
    );
}

async function build(folder: string, database: KeycloakDatabase): Promise<void> {
  // The plugin keeps file modes only where its own version knows how.
  const script = join(folder, "bin", "kc.sh");
  chmodSync(script, 0o755);
  const { code, output } = await runCommand(script, ["build", `--db=${database}`, ...BUILD_OPTIONS], {
    env: childEnv({}),
  });
  if (code !== 0) throw new Error(`kc.sh build failed.\n${tail(output)}`);
}

/** Only what a child needs: a KC_ variable of this shell would change what is tested. */
export function childEnv(own: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const inherited = ["PATH", "HOME", "JAVA_HOME", "LANG", "TMPDIR"].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(inherited), JAVA_OPTS_KC_HEAP: "-Xms64m -Xmx512m", ...own };
}

function tail(output: string): string {
  return output.trim().split("\n").slice(-8).join("\n");
}
