// Starts a real Keycloak as a child process: free loopback ports, embedded database, imported realm.
import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { killWithParent } from "@cloakroom/testing/kill-with-parent.ts";
import { childEnv, keycloakDistribution } from "./distribution.ts";
import { REALM_FILE, REALM_NAME, requireRealmValues, THEMES_FOLDER, type RealmValues } from "./realm.ts";

export type KeycloakOptions = {
  realm: RealmValues;
  /** Default: free ports. */
  ports?: { public?: number; management?: number };
  /** PEM of a CA whose certificates Keycloak accepts at https URLs of clients. */
  trustedAuthority?: string;
  log?: (line: string) => void;
  /** Receives Keycloak's stdout and stderr. */
  onOutput?: (text: string) => void;
};

export type AdminCredentials = { username: string; password: string };

export type Keycloak = {
  /** The same for browsers, gateway and API. */
  readonly origin: string;
  readonly issuer: string;
  readonly adminUrl: string;
  readonly managementOrigin: string;
  /** Administrator of the master realm, with a random password. */
  readonly admin: AdminCredentials;
  /** stdout and stderr since the first start, at most the last 4,000,000 characters. */
  output: () => string;
  /** Restarts with the same database; resolves when ready. */
  restart: () => Promise<void>;
  /** Stops the server and keeps its folder; `restart()` starts it again. */
  down: () => Promise<void>;
  /** Stops the server and deletes its folder. */
  stop: () => Promise<void>;
};

/** A start takes 20 s on idle cores and far longer on a busy machine. */
const readyTimeoutMs = 300_000;
const stopTimeoutMs = 20_000;
const maxOutputChars = 4_000_000;

/** @throws KeycloakUnavailable; Error with the end of Keycloak's output if it does not start */
export async function startKeycloak(options: KeycloakOptions): Promise<Keycloak> {
  const { realm, ports = {}, trustedAuthority, log, onOutput } = options;
  requireRealmValues(realm);
  const distribution = await keycloakDistribution(log);
  const home = createServerFolder(distribution);
  if (trustedAuthority !== undefined) trustAuthority(home, trustedAuthority);
  const port = ports.public ?? (await freePort());
  const managementPort = ports.management ?? (await freePort());
  const admin = { username: "bootstrap-admin", password: randomBytes(24).toString("base64url") };
  // Another host than the gateway's localhost: cookies are shared between ports of one host.
  const origin = `http://127.0.0.1:${port}`;
  const managementOrigin = `http://127.0.0.1:${managementPort}`;
  const env = childEnv({ ...serverEnv({ origin, port, managementPort, admin }), ...realm });
  let output = "";
  const start = () =>
    startServer({
      home,
      env,
      managementOrigin,
      onOutput(text) {
        output = (output + text).slice(-maxOutputChars);
        onOutput?.(text);
      },
    });
  const remove = () => rmSync(home, { recursive: true, force: true });
  let server = await start().catch((error: unknown) => {
    remove();
    throw error;
  });
  return {
    origin,
    issuer: `${origin}/realms/${REALM_NAME}`,
    adminUrl: `${origin}/admin/`,
    managementOrigin,
    admin,
    output: () => output,
    async restart() {
      await stopServer(server);
      server = await start();
    },
    down: () => stopServer(server),
    async stop() {
      await stopServer(server);
      remove();
    },
  };
}

/** Creates a server folder: copies everything that is written or changed by tests, and links the 180 MB of libraries. */
export function createServerFolder(distribution: string): string {
  const home = mkdtempSync(join(tmpdir(), "cloakroom-keycloak-"));
  for (const part of ["bin", "conf", "providers", "themes"])
    cpSync(join(distribution, part), join(home, part), { recursive: true });
  cpSync(THEMES_FOLDER, join(home, "themes"), { recursive: true });
  symlinkSync(join(distribution, "lib"), join(home, "lib"));
  mkdirSync(join(home, "data", "import"), { recursive: true });
  copyFileSync(REALM_FILE, join(home, "data", "import", `${REALM_NAME}-realm.json`));
  return home;
}

/** Keycloak reads every PEM file of this folder at its start. */
function trustAuthority(home: string, authority: string): void {
  const folder = join(home, "conf", "truststores");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "tests.pem"), authority);
}

type ServerAddress = { origin: string; port: number; managementPort: number; admin: AdminCredentials };

const serverEnv = ({ origin, port, managementPort, admin }: ServerAddress) => ({
  KC_BOOTSTRAP_ADMIN_USERNAME: admin.username,
  KC_BOOTSTRAP_ADMIN_PASSWORD: admin.password,
  // Without KC_HOSTNAME the issuer depends on the Host header and differs between browser and gateway.
  KC_HOSTNAME: origin,
  KC_HTTP_ENABLED: "true",
  KC_HTTP_HOST: "127.0.0.1",
  KC_HTTP_PORT: String(port),
  KC_HTTP_MANAGEMENT_PORT: String(managementPort),
  // No clustering: otherwise Keycloak listens for other nodes on all addresses.
  KC_CACHE: "local",
  // The health check logs every request while the server is starting.
  KC_LOG_LEVEL: "INFO,io.smallrye.health:ERROR,org.keycloak.events:DEBUG",
});

type Server = { child: ChildProcess; exited: Promise<void> };
type ServerOptions = {
  home: string;
  env: NodeJS.ProcessEnv;
  managementOrigin: string;
  onOutput: (text: string) => void;
};

async function startServer({ home, env, managementOrigin, onOutput }: ServerOptions): Promise<Server> {
  // A separate process group: Ctrl-C does not reach it, and SIGKILL to the group ends kc.sh and the JVM.
  const child = spawn(join(home, "bin", "kc.sh"), ["start", "--optimized", "--import-realm"], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let recentOutput = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      recentOutput = (recentOutput + chunk.toString()).slice(-8_000);
      onOutput(chunk.toString());
    });
  const exited = new Promise<void>((resolve) => {
    child.once("error", () => resolve());
    child.once("close", () => resolve());
  });
  const server = { child, exited };
  if (child.pid !== undefined) {
    const release = killWithParent(child.pid);
    void exited.then(release);
  }
  try {
    await waitUntilReady(child, managementOrigin);
  } catch (cause) {
    await stopServer(server);
    const lastLines = recentOutput.trim().split("\n").slice(-12).join("\n");
    throw new Error(`Keycloak did not start: ${(cause as Error).message}.\n${lastLines}`, { cause });
  }
  return server;
}

async function waitUntilReady(child: ChildProcess, managementOrigin: string): Promise<void> {
  const deadline = Date.now() + readyTimeoutMs;
  while (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    const isReady = await fetch(`${managementOrigin}/health/ready`, { signal: AbortSignal.timeout(5_000) }).then(
      (response) => response.ok,
      () => false,
    );
    if (isReady) return;
    if (Date.now() > deadline) throw new Error(`not ready after ${readyTimeoutMs / 1000} s`);
    await wait(250);
  }
  throw new Error(`it exited with ${child.exitCode ?? child.signalCode ?? "no process"}`);
}

async function stopServer({ child, exited }: Server): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  // kc.sh forwards SIGTERM to the JVM.
  child.kill("SIGTERM");
  const group = -child.pid;
  const killTimer = setTimeout(() => {
    try {
      process.kill(group, "SIGKILL");
    } catch {
      // The group has exited in the meantime.
    }
  }, stopTimeoutMs);
  await exited;
  clearTimeout(killTimer);
}
