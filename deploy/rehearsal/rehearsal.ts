// The composed system, running: started in the order of docker-compose.yml, backed up, deleted and restored.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { GatewayProcess } from "../../demo/src/gateway-process.ts";
import { keycloakAdmin, type KeycloakAdmin } from "../../scripts/keycloak/admin.ts";
import type { RunningProcess } from "./process.ts";
import {
  bootstrapAdmin,
  deleteInstallation,
  keycloakEnvironment,
  keycloakHome,
  makeSecrets,
  newInstallation,
  readSecret,
  startApi,
  startComposedGateway,
  startDatabase,
  startKeycloak,
  startRedis,
  type Installation,
} from "./system.ts";
import { startTlsProxy, type TlsProxy } from "./tls.ts";

const BACKUP = join(import.meta.dirname, "..", "backup");

export type ScriptResult = { status: number | null; stdout: string; stderr: string };

export type Rehearsal = {
  readonly installation: Installation;
  readonly tls: TlsProxy;
  readonly password: (user: "alice" | "admin") => string;
  readonly admin: () => KeycloakAdmin;
  readonly gatewayLog: () => string;
  readonly keycloakLog: () => string;
  /** Runs a script of deploy/backup as its service would. */
  readonly runScript: (name: "backup.sh" | "restore.sh", args: string[], env: Record<string, string>) => ScriptResult;
  /** Ends everything and deletes what it kept: databases, sessions and secrets. The backups stay. */
  readonly lose: () => Promise<void>;
  readonly startDatabase: () => Promise<void>;
  /** The realm as Keycloak's own export writes it, while no server runs. */
  readonly exportRealm: () => Promise<string>;
  /** Ends Keycloak and starts it again on the same database. @returns what it has written since */
  readonly restartKeycloak: () => Promise<() => string>;
  /** What comes after the database. */
  readonly startRest: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

type Parts = { database?: RunningProcess; keycloak?: RunningProcess; redis?: RunningProcess; gateway?: GatewayProcess };

export async function startRehearsal(spaRoot: string, say: (line: string) => void): Promise<Rehearsal> {
  const installation = await newInstallation();
  const stops: (() => Promise<void>)[] = [];
  const parts: Parts = {};
  const logs = { keycloak: "", gateway: "" };
  const homes: string[] = [];

  const startRest = async () => {
    const home = await keycloakHome(say);
    homes.push(home);
    const redis = await startRedis(installation);
    parts.redis = redis;
    parts.keycloak = await startKeycloak(installation, home);
    parts.gateway = await startComposedGateway(installation, spaRoot);
  };
  const endParts = async () => {
    for (const part of [parts.gateway, parts.keycloak, parts.redis, parts.database]) await part?.stop();
    logs.gateway += parts.gateway?.output() ?? "";
    logs.keycloak += parts.keycloak?.output() ?? "";
    for (const name of Object.keys(parts) as (keyof Parts)[]) delete parts[name];
  };
  const stop = async () => {
    await endParts();
    for (const each of stops.splice(0).reverse()) await each();
    for (const home of homes) rmSync(home, { recursive: true, force: true });
    deleteInstallation(installation);
  };
  try {
    makeSecrets(installation);
    mkdirSync(join(installation.folder, "backups"));
    parts.database = await startDatabase(installation);
    await startRest();
    const api = await startApi(installation);
    stops.push(api.stop);
    const tls = await startTlsProxy(installation);
    stops.push(tls.stop);
    return {
      installation,
      tls,
      password: (user) => readSecret(installation, `keycloak/${user}_password`),
      admin: () =>
        keycloakAdmin({
          origin: `http://127.0.0.1:${installation.ports.keycloak}`,
          admin: bootstrapAdmin(installation),
        }),
      gatewayLog: () => logs.gateway + (parts.gateway?.output() ?? ""),
      keycloakLog: () => logs.keycloak + (parts.keycloak?.output() ?? ""),
      runScript: (name, args, env) => runScript(installation, join(BACKUP, name), args, env),
      async lose() {
        await endParts();
        for (const folder of ["postgres-data", "redis-data", "secrets"])
          rmSync(join(installation.folder, folder), { recursive: true, force: true });
        rmSync(join(installation.folder, "postgres-data.password"), { force: true });
        for (const reader of ["gateway", "redis", "postgres", "keycloak"])
          mkdirSync(join(installation.secretsFolder, reader), { recursive: true });
      },
      async startDatabase() {
        parts.database = await startDatabase(installation);
      },
      async exportRealm() {
        const home = await keycloakHome(say);
        homes.push(home);
        return exportRealm(installation, home);
      },
      async restartKeycloak() {
        await parts.keycloak?.stop();
        logs.keycloak += parts.keycloak?.output() ?? "";
        delete parts.keycloak;
        const keycloak = await startKeycloak(installation, homes.at(-1) ?? "");
        parts.keycloak = keycloak;
        return keycloak.output;
      },
      startRest,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** As docs/guides/backup.md says: the image's entry point with a command. @throws Error with Keycloak's last words */
function exportRealm(installation: Installation, home: string): string {
  const folder = join(installation.folder, "export");
  const args = ["export", `--dir=${folder}`, "--realm=demo", "--users=realm_file"];
  const { status, stdout, stderr } = spawnSync(join(BACKUP, "..", "keycloak", "start.sh"), args, {
    env: keycloakEnvironment(installation, home),
    encoding: "utf8",
    timeout: 120_000,
  });
  if (status !== 0) throw new Error(`The export ended with ${status}.\n${(stdout + stderr).slice(-2_000)}`);
  return readFileSync(join(folder, "demo-realm.json"), "utf8");
}

function runScript(
  { folder, ports, secretsFolder }: Installation,
  script: string,
  args: string[],
  env: Record<string, string>,
): ScriptResult {
  const { status, stdout, stderr } = spawnSync("/bin/bash", [script, ...args], {
    env: {
      PATH: process.env["PATH"] ?? "",
      PGHOST: "127.0.0.1",
      PGPORT: String(ports.postgres),
      SECRETS_FOLDER: secretsFolder,
      BACKUP_FOLDER: join(folder, "backups"),
      ...env,
    },
    encoding: "utf8",
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}
