// The running composed system: starts services in the order of docker-compose.yml, deletes and restores them.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { GatewayProcess } from "@cloakroom/testing/gateway-process.ts";
import { keycloakAdmin, type KeycloakAdmin } from "@cloakroom/testkit/keycloak/admin.ts";
import type { RunningProcess } from "./process.ts";
import {
  bootstrapAdmin,
  deleteInstallation,
  keycloakEnvironment,
  createKeycloakHome,
  createSecrets,
  createInstallation,
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
  /** Runs a script of deploy/backup with the environment of its service. */
  readonly runScript: (name: "backup.sh" | "restore.sh", args: string[], env: Record<string, string>) => ScriptResult;
  /** Stops all services and deletes databases, sessions and secrets. The backups stay. */
  readonly destroy: () => Promise<void>;
  readonly startDatabase: () => Promise<void>;
  /** `kc.sh export` of the realm, as JSON. No server may be running. */
  readonly exportRealm: () => Promise<string>;
  /** Restarts Keycloak on the same database. @returns the output since the restart */
  readonly restartKeycloak: () => Promise<() => string>;
  /** Starts Redis, Keycloak and the gateway. */
  readonly startServices: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

type RunningServices = {
  database?: RunningProcess;
  keycloak?: RunningProcess;
  redis?: RunningProcess;
  gateway?: GatewayProcess;
};

export async function startRehearsal(spaRoot: string, log: (line: string) => void): Promise<Rehearsal> {
  const installation = await createInstallation();
  const stops: (() => Promise<void>)[] = [];
  const services: RunningServices = {};
  const logs = { keycloak: "", gateway: "" };
  const homes: string[] = [];

  const startServices = async () => {
    const home = await createKeycloakHome(log);
    homes.push(home);
    const redis = await startRedis(installation);
    services.redis = redis;
    services.keycloak = await startKeycloak(installation, home);
    services.gateway = await startComposedGateway(installation, spaRoot);
  };
  const stopServices = async () => {
    for (const service of [services.gateway, services.keycloak, services.redis, services.database])
      await service?.stop();
    logs.gateway += services.gateway?.output() ?? "";
    logs.keycloak += services.keycloak?.output() ?? "";
    for (const name of Object.keys(services) as (keyof RunningServices)[]) delete services[name];
  };
  const stop = async () => {
    await stopServices();
    for (const each of stops.splice(0).reverse()) await each();
    for (const home of homes) rmSync(home, { recursive: true, force: true });
    deleteInstallation(installation);
  };
  try {
    createSecrets(installation);
    mkdirSync(join(installation.folder, "backups"));
    services.database = await startDatabase(installation);
    await startServices();
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
      gatewayLog: () => logs.gateway + (services.gateway?.output() ?? ""),
      keycloakLog: () => logs.keycloak + (services.keycloak?.output() ?? ""),
      runScript: (name, args, env) => runScript(installation, join(BACKUP, name), args, env),
      async destroy() {
        await stopServices();
        for (const folder of ["postgres-data", "redis-data", "secrets"])
          rmSync(join(installation.folder, folder), { recursive: true, force: true });
        rmSync(join(installation.folder, "postgres-data.password"), { force: true });
        for (const reader of ["gateway", "redis", "postgres", "keycloak"])
          mkdirSync(join(installation.secretsFolder, reader), { recursive: true });
      },
      async startDatabase() {
        services.database = await startDatabase(installation);
      },
      async exportRealm() {
        const home = await createKeycloakHome(log);
        homes.push(home);
        return exportRealm(installation, home);
      },
      async restartKeycloak() {
        await services.keycloak?.stop();
        logs.keycloak += services.keycloak?.output() ?? "";
        delete services.keycloak;
        const keycloak = await startKeycloak(installation, homes.at(-1) ?? "");
        services.keycloak = keycloak;
        return keycloak.output;
      },
      startServices,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Runs the image's entry point with the export command of docs/guides/backup.md. @throws Error with the end of its output */
function exportRealm(installation: Installation, home: string): string {
  const folder = join(installation.folder, "export");
  const args = ["export", `--dir=${folder}`, "--realm=demo", "--users=realm_file"];
  const { status, stdout, stderr } = spawnSync(join(BACKUP, "..", "keycloak", "start.sh"), args, {
    env: keycloakEnvironment(installation, home),
    encoding: "utf8",
    timeout: 120_000,
  });
  if (status !== 0) throw new Error(`The export exited with ${status}.\n${(stdout + stderr).slice(-2_000)}`);
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
