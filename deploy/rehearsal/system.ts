// Starts the services of docker-compose.yml as local processes: the same commands, configuration files and environment.
// Only addresses and ports differ.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { startGateway, type GatewayProcess } from "@cloakroom/testing/gateway-process.ts";
import { findRedisBinary } from "@cloakroom/testing/redis-server.ts";
import { childEnv, keycloakDistribution } from "@cloakroom/testkit/keycloak/distribution.ts";
import { createServerFolder, type AdminCredentials } from "@cloakroom/testkit/keycloak/start-keycloak.ts";
import { composedEnvironment } from "./compose-file.ts";
import { startPostgres } from "./postgres.ts";
import { respondsOk, startProcess, type RunningProcess } from "./process.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const DEPLOY = join(ROOT, "deploy");

export type Ports = Record<
  | "postgres"
  | "keycloak"
  | "keycloakManagement"
  | "redis"
  | "api"
  | "gateway"
  | "gatewayManagement"
  | "tls"
  | "http"
  | "health",
  number
>;

/** An installation: its folder replaces the volumes. */
export type Installation = {
  readonly folder: string;
  readonly ports: Ports;
  readonly publicOrigin: string;
  readonly keycloakOrigin: string;
  /** Interpolated in docker-compose.yml. */
  readonly variables: Readonly<Record<string, string>>;
  readonly secretsFolder: string;
};

const PORT_NAMES = [
  ...["postgres", "keycloak", "keycloakManagement", "redis", "api", "gateway", "gatewayManagement"],
  ...["tls", "http", "health"],
] as (keyof Ports)[];

export async function createInstallation(): Promise<Installation> {
  const folder = mkdtempSync(join(tmpdir(), "cloakroom-rehearsal-"));
  // PostgreSQL runs as another user and needs to traverse this folder.
  chmodSync(folder, 0o711);
  const entries = await Promise.all(PORT_NAMES.map(async (name) => [name, await freePort()] as const));
  const ports = Object.fromEntries(entries) as Ports;
  const publicOrigin = `https://app.localhost:${ports.tls}`;
  const keycloakOrigin = `https://id.localhost:${ports.tls}`;
  const secretsFolder = join(folder, "secrets");
  for (const reader of ["gateway", "redis", "postgres", "keycloak"])
    mkdirSync(join(secretsFolder, reader), { recursive: true });
  return {
    folder,
    ports,
    publicOrigin,
    keycloakOrigin,
    // The TLS proxy's address. Tests that bypass the proxy send from another loopback address.
    variables: {
      PUBLIC_ORIGIN: publicOrigin,
      KEYCLOAK_ORIGIN: keycloakOrigin,
      KEYCLOAK_PORT: String(ports.keycloak),
      TRUSTED_PROXIES: "127.0.0.1",
    },
    secretsFolder,
  };
}

export function createSecrets({ secretsFolder }: Installation): void {
  const script = join(DEPLOY, "compose", "make-secrets.ts");
  const args = ["--disable-warning=ExperimentalWarning", script];
  const env = { SECRETS_ROOT: secretsFolder, VOLUMES_ROOT: join(secretsFolder, "..", "volumes") };
  const { status, stderr } = spawnSync(process.execPath, args, { env, encoding: "utf8" });
  if (status !== 0) throw new Error(`make-secrets failed: ${stderr}`);
}

export const readSecret = ({ secretsFolder }: Installation, name: string): string =>
  readFileSync(join(secretsFolder, name), "utf8").trim();

export const bootstrapAdmin = (installation: Installation): AdminCredentials => ({
  username: "bootstrap-admin",
  password: readSecret(installation, "keycloak/bootstrap_admin_password"),
});

export const startDatabase = (installation: Installation): Promise<RunningProcess> =>
  startPostgres({
    folder: join(installation.folder, "postgres-data"),
    port: installation.ports.postgres,
    password: readSecret(installation, "postgres/password"),
  });

/** Creates KEYCLOAK_HOME, which replaces the container's file system. */
export async function createKeycloakHome(log: (line: string) => void): Promise<string> {
  return createServerFolder(await keycloakDistribution(log, "postgres"));
}

export function keycloakEnvironment(installation: Installation, home: string): NodeJS.ProcessEnv {
  const { ports, secretsFolder, variables } = installation;
  return childEnv({
    ...composedEnvironment("keycloak", variables),
    KC_HTTP_HOST: "127.0.0.1",
    KC_HTTP_PORT: String(ports.keycloak),
    KC_HTTP_MANAGEMENT_PORT: String(ports.keycloakManagement),
    KC_DB_URL: `jdbc:postgresql://127.0.0.1:${ports.postgres}/keycloak`,
    CLOAKROOM_BACKCHANNEL_ORIGIN: `http://127.0.0.1:${ports.gateway}`,
    KEYCLOAK_HOME: home,
    SECRETS_FOLDER: join(secretsFolder, "keycloak"),
  });
}

/** Runs the image's entry point. */
export function startKeycloak(installation: Installation, home: string): Promise<RunningProcess> {
  return startProcess({
    name: "Keycloak",
    program: join(DEPLOY, "keycloak", "start.sh"),
    args: [],
    env: keycloakEnvironment(installation, home) as Record<string, string>,
    readyTimeoutMs: 300_000,
    isReady: () => respondsOk(`http://127.0.0.1:${installation.ports.keycloakManagement}/health/ready`),
  });
}

export function startRedis({ folder, ports, secretsFolder }: Installation): Promise<RunningProcess> {
  const data = join(folder, "redis-data");
  mkdirSync(data, { recursive: true });
  const overrides: Record<string, string> = {
    port: String(ports.redis),
    bind: "127.0.0.1",
    aclfile: join(secretsFolder, "redis", "users.acl"),
    dir: data,
  };
  // A copy: Redis requires every folder in its configuration file to exist, even if an argument overrides it.
  const lines = readFileSync(join(DEPLOY, "redis", "redis.conf"), "utf8").split("\n");
  const file = join(folder, "redis.conf");
  const changedLines = lines.map((line) => {
    const [name = ""] = line.split(" ");
    return overrides[name] === undefined ? line : `${name} ${overrides[name]}`;
  });
  writeFileSync(file, changedLines.join("\n"));
  return startProcess({
    name: "Redis",
    program: findRedisBinary() ?? "redis-server",
    args: [file],
    env: {},
    isReady: () => {
      // The command of the health check in docker-compose.yml.
      const args = ["--no-auth-warning", "--user", "health", "--pass", "x", "-p", String(ports.redis), "ping"];
      return Promise.resolve(spawnSync("redis-cli", args, { encoding: "utf8" }).stdout.includes("PONG"));
    },
  });
}

export function startApi({ ports, variables }: Installation): Promise<RunningProcess> {
  return startProcess({
    name: "The resource API",
    program: process.execPath,
    args: ["--disable-warning=ExperimentalWarning", join(ROOT, "demo", "src", "api", "main.ts")],
    env: {
      ...composedEnvironment("api", variables),
      API_PORT: String(ports.api),
      API_JWKS_URL: `http://127.0.0.1:${ports.keycloak}/realms/demo/protocol/openid-connect/certs`,
    },
    isReady: () => respondsOk(`http://127.0.0.1:${ports.api}/health`),
  });
}

export function startComposedGateway(installation: Installation, spaRoot: string): Promise<GatewayProcess> {
  const { folder, ports, secretsFolder, variables } = installation;
  // The generated URL contains the host name of the composed network.
  const redisUrl = join(folder, "redis_url");
  writeFileSync(
    redisUrl,
    readSecret(installation, "gateway/redis_url").replace("@redis:6379", `@127.0.0.1:${ports.redis}`),
  );
  return startGateway({
    managementOrigin: `http://127.0.0.1:${ports.gatewayManagement}`,
    env: {
      ...composedEnvironment("gateway", variables),
      NODE_ENV: "production",
      PORT: String(ports.gateway),
      MANAGEMENT_PORT: String(ports.gatewayManagement),
      OIDC_INTERNAL_URL: `http://127.0.0.1:${ports.keycloak}`,
      OIDC_CLIENT_SECRET_FILE: join(secretsFolder, "gateway", "client_secret"),
      SECRET_KEYS_FILE: join(secretsFolder, "gateway", "secret_keys"),
      REDIS_URL_FILE: redisUrl,
      UPSTREAMS: `/api=http://127.0.0.1:${ports.api}`,
      SPA_ROOT: spaRoot,
    },
  });
}

export const deleteInstallation = ({ folder }: Installation): void => rmSync(folder, { recursive: true, force: true });
