// docker-compose.yml without Docker: each service's own command, files and environment, as processes on free loopback
// ports. Only addresses and ports differ from what the file says.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../demo/src/free-port.ts";
import { startGateway, type GatewayProcess } from "../../demo/src/gateway-process.ts";
import { findRedisBinary } from "../../demo/src/redis-server.ts";
import { childEnv, keycloakDistribution } from "../../scripts/keycloak/distribution.ts";
import { runFolder, type AdminCredentials } from "../../scripts/keycloak/start-keycloak.ts";
import { composedEnvironment } from "./composed.ts";
import { startPostgres } from "./postgres.ts";
import { answersOk, startProcess, type RunningProcess } from "./process.ts";

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

/** One installation: its folder holds what the volumes would. */
export type Installation = {
  readonly folder: string;
  readonly ports: Ports;
  readonly publicOrigin: string;
  readonly keycloakOrigin: string;
  /** Fills in docker-compose.yml. */
  readonly variables: Readonly<Record<string, string>>;
  readonly secretsFolder: string;
};

const PORT_NAMES = [
  ...["postgres", "keycloak", "keycloakManagement", "redis", "api", "gateway", "gatewayManagement"],
  ...["tls", "http", "health"],
] as (keyof Ports)[];

export async function newInstallation(): Promise<Installation> {
  const folder = mkdtempSync(join(tmpdir(), "cloakroom-rehearsal-"));
  // PostgreSQL runs as somebody else and must find its own folder in here.
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
    // The proxy is the only one that comes from this address; tests that play somebody else come from another.
    variables: {
      PUBLIC_ORIGIN: publicOrigin,
      KEYCLOAK_ORIGIN: keycloakOrigin,
      KEYCLOAK_PORT: String(ports.keycloak),
      TRUSTED_PROXIES: "127.0.0.1",
    },
    secretsFolder,
  };
}

export function makeSecrets({ secretsFolder }: Installation): void {
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

/** The home of one Keycloak container: gone with it, while the database stays. */
export async function keycloakHome(say: (line: string) => void): Promise<string> {
  return runFolder(await keycloakDistribution(say, "postgres"));
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

/** The image's own entry point. */
export function startKeycloak(installation: Installation, home: string): Promise<RunningProcess> {
  return startProcess({
    name: "Keycloak",
    program: join(DEPLOY, "keycloak", "start.sh"),
    args: [],
    env: keycloakEnvironment(installation, home) as Record<string, string>,
    readyTimeoutMs: 300_000,
    isReady: () => answersOk(`http://127.0.0.1:${installation.ports.keycloakManagement}/health/ready`),
  });
}

export function startRedis({ folder, ports, secretsFolder }: Installation): Promise<RunningProcess> {
  const data = join(folder, "redis-data");
  mkdirSync(data, { recursive: true });
  const own: Record<string, string> = {
    port: String(ports.redis),
    bind: "127.0.0.1",
    aclfile: join(secretsFolder, "redis", "users.acl"),
    dir: data,
  };
  // A copy: Redis insists on every folder that its file names, also where an argument names another.
  const lines = readFileSync(join(DEPLOY, "redis", "redis.conf"), "utf8").split("\n");
  const file = join(folder, "redis.conf");
  const changed = lines.map((line) => {
    const [name = ""] = line.split(" ");
    return own[name] === undefined ? line : `${name} ${own[name]}`;
  });
  writeFileSync(file, changed.join("\n"));
  return startProcess({
    name: "Redis",
    program: findRedisBinary() ?? "redis-server",
    args: [file],
    env: {},
    isReady: () => {
      // As the health check of docker-compose.yml asks.
      const question = ["--no-auth-warning", "--user", "health", "--pass", "x", "-p", String(ports.redis), "ping"];
      return Promise.resolve(spawnSync("redis-cli", question, { encoding: "utf8" }).stdout.includes("PONG"));
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
    isReady: () => answersOk(`http://127.0.0.1:${ports.api}/health`),
  });
}

export function startComposedGateway(installation: Installation, spaRoot: string): Promise<GatewayProcess> {
  const { folder, ports, secretsFolder, variables } = installation;
  // Inside the composed network it is called redis:6379.
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

/** Everything that the installation kept. */
export const deleteInstallation = ({ folder }: Installation): void => rmSync(folder, { recursive: true, force: true });
