// A real Keycloak of one's own: free loopback ports, embedded database, the realm imported, gone when we are.
import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { killWithParent } from "@cloakroom/testing/kill-with-parent.ts";
import { childEnv, keycloakDistribution } from "./distribution.ts";
import { REALM_FILE, REALM_NAME, requireRealmValues, THEMES_FOLDER, type RealmValues } from "./realm.ts";

export type KeycloakOptions = {
  realm: RealmValues;
  /** Absent: free ones. */
  ports?: { public?: number; management?: number };
  say?: (line: string) => void;
  /** Told everything that Keycloak writes. */
  onText?: (text: string) => void;
};

export type AdminCredentials = { username: string; password: string };

export type Keycloak = {
  /** As browsers, gateway and API all know it. */
  readonly origin: string;
  /** Of the imported realm. */
  readonly issuer: string;
  readonly adminUrl: string;
  readonly managementOrigin: string;
  /** Of the master realm; made for this start, known to nobody else. */
  readonly admin: AdminCredentials;
  /** What it has written, of all its lives. */
  output: () => string;
  /** Ends and starts again with the same database; resolves when ready. */
  restart: () => Promise<void>;
  /** Ends it without starting it again: an outage. `restart()` brings it back. */
  down: () => Promise<void>;
  /** Ends it and deletes its folder. */
  stop: () => Promise<void>;
};

/** 20 seconds on idle cores; many times that where browsers and builds run beside it. */
const readyTimeoutMs = 300_000;
const stopTimeoutMs = 20_000;
const maxOutputChars = 4_000_000;

/** @throws KeycloakUnavailable where this machine cannot run it; Error with Keycloak's last words if it does not start */
export async function startKeycloak({ realm, ports = {}, say, onText }: KeycloakOptions): Promise<Keycloak> {
  requireRealmValues(realm);
  const distribution = await keycloakDistribution(say);
  const home = runFolder(distribution);
  const port = ports.public ?? (await freePort());
  const managementPort = ports.management ?? (await freePort());
  const admin = { username: "bootstrap-admin", password: randomBytes(24).toString("base64url") };
  // Another host than the gateway's, as in production: cookies know no ports.
  const origin = `http://127.0.0.1:${port}`;
  const managementOrigin = `http://127.0.0.1:${managementPort}`;
  const env = childEnv({ ...serverEnv({ origin, port, managementPort, admin }), ...realm });
  let output = "";
  const begin = () =>
    beginLife({
      home,
      env,
      managementOrigin,
      onText(text) {
        output = (output + text).slice(-maxOutputChars);
        onText?.(text);
      },
    });
  const remove = () => rmSync(home, { recursive: true, force: true });
  let life = await begin().catch((error: unknown) => {
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
      await endLife(life);
      life = await begin();
    },
    down: () => endLife(life),
    async stop() {
      await endLife(life);
      remove();
    },
  };
}

/** Everything that a server writes to, or that a test might change, is its own; the 180 MB of libraries are shared. */
export function runFolder(distribution: string): string {
  const home = mkdtempSync(join(tmpdir(), "cloakroom-keycloak-"));
  for (const part of ["bin", "conf", "providers", "themes"])
    cpSync(join(distribution, part), join(home, part), { recursive: true });
  cpSync(THEMES_FOLDER, join(home, "themes"), { recursive: true });
  symlinkSync(join(distribution, "lib"), join(home, "lib"));
  mkdirSync(join(home, "data", "import"), { recursive: true });
  copyFileSync(REALM_FILE, join(home, "data", "import", `${REALM_NAME}-realm.json`));
  return home;
}

type ServerAddress = { origin: string; port: number; managementPort: number; admin: AdminCredentials };

const serverEnv = ({ origin, port, managementPort, admin }: ServerAddress) => ({
  KC_BOOTSTRAP_ADMIN_USERNAME: admin.username,
  KC_BOOTSTRAP_ADMIN_PASSWORD: admin.password,
  // Without it the issuer follows the Host header, and browser and gateway would see two issuers.
  KC_HOSTNAME: origin,
  KC_HTTP_ENABLED: "true",
  KC_HTTP_HOST: "127.0.0.1",
  KC_HTTP_PORT: String(port),
  KC_HTTP_MANAGEMENT_PORT: String(managementPort),
  // A cluster of one: otherwise it listens for others on every address of the machine.
  KC_CACHE: "local",
  // The health check says at every question that it is still starting.
  KC_LOG_LEVEL: "INFO,io.smallrye.health:ERROR,org.keycloak.events:DEBUG",
});

type Life = { child: ChildProcess; ended: Promise<void> };
type LifeParts = {
  home: string;
  env: NodeJS.ProcessEnv;
  managementOrigin: string;
  onText: (text: string) => void;
};

async function beginLife({ home, env, managementOrigin, onText }: LifeParts): Promise<Life> {
  // A process group of its own: a Ctrl-C in the terminal goes to us only, and a hard end takes script and server.
  const child = spawn(join(home, "bin", "kc.sh"), ["start", "--optimized", "--import-realm"], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-8_000);
      onText(chunk.toString());
    });
  const ended = new Promise<void>((resolve) => {
    child.once("error", () => resolve());
    child.once("close", () => resolve());
  });
  const life = { child, ended };
  if (child.pid !== undefined) {
    const release = killWithParent(child.pid);
    void ended.then(release);
  }
  try {
    await untilReady(child, managementOrigin);
  } catch (cause) {
    await endLife(life);
    const words = said.trim().split("\n").slice(-12).join("\n");
    throw new Error(`Keycloak did not start: ${(cause as Error).message}.\n${words}`, { cause });
  }
  return life;
}

async function untilReady(child: ChildProcess, managementOrigin: string): Promise<void> {
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
  throw new Error(`it ended with ${child.exitCode ?? child.signalCode ?? "no process"}`);
}

async function endLife({ child, ended }: Life): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  // The script hands SIGTERM on to the server.
  child.kill("SIGTERM");
  const group = -child.pid;
  const giveUp = setTimeout(() => {
    try {
      process.kill(group, "SIGKILL");
    } catch {
      // It had just ended.
    }
  }, stopTimeoutMs);
  await ended;
  clearTimeout(giveUp);
}
