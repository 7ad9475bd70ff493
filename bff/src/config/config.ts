// Loads the configuration from the environment into a frozen Config and reports all errors at once. The only reader of
// process.env.
import type { BlockList } from "node:net";
import { isLoopbackUrl } from "../lib/host.ts";
import { deriveApplicationId, type Application } from "../lib/application-id.ts";
import { cleanText, readValueFile } from "./setting-text.ts";
import type { ApplicationConfig, Config, GatewayConfig, ServerConfig, WaitingLimits } from "./config-types.ts";
import { forwardAuthConfig, forwardAuthErrors } from "./forward-auth-settings.ts";
import { fingerprint } from "./fingerprint.ts";
import { keycloakAdmin } from "./keycloak-admin.ts";
import { pagePolicy, pagePolicyErrors, pagePolicyWarnings, transportSecurity } from "./page-policy-settings.ts";
import { providerConfig, providerErrors } from "./provider-settings.ts";
import { SETTINGS, type Setting, type SettingName, type SettingValue } from "./settings.ts";
import { applySecurityProfile } from "./security-profile.ts";
import { readRedisAccess } from "./redis-access.ts";
import { isProxySetting } from "./outbound-proxy.ts";
import { findUnknownSettings } from "./unknown-settings.ts";
import { certificateBoundErrors } from "./certificate-bound-upstreams.ts";
import { parseUpstreams, type UpstreamConfig } from "./upstreams.ts";

export type { ApplicationConfig, Config, GatewayConfig, ServerConfig, WaitingLimits } from "./config-types.ts";
export type { KeycloakAdminConfig } from "./keycloak-admin.ts";
export type { ProviderConfig } from "./provider-settings.ts";
export type { TokenTarget, UpstreamConfig } from "./upstreams.ts";

/** HTTP/1.1 connections of a browser to one origin. */
const CONNECTIONS_PER_BROWSER = 6;

type Environment = Readonly<Record<string, string | undefined>>;
type Values = { [N in SettingName]?: SettingValue<N> };

/** All errors of a configuration: each line has the setting, the rule and the fix. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(
      `The gateway cannot start: ${faults.length === 1 ? "one setting is" : `${faults.length} settings are`} wrong.\n` +
        faults.map((fault) => `  - ${fault}`).join("\n"),
    );
    this.faults = faults;
  }
}

/** @returns the view of the single application. @throws ConfigError with all errors; contains no secret values. */
export function loadConfig(env: Environment = process.env): Config {
  const [config] = loadGatewayConfig(env).applications;
  if (config === undefined) throw new ConfigError(["No application is configured."]);
  return config;
}

/** @returns a gateway of one application. @throws ConfigError with all errors; contains no secret values. */
export function loadGatewayConfig(env: Environment = process.env): GatewayConfig {
  const faults: string[] = [];
  const profiled = applySecurityProfile(readSettings(env, faults), (name) => isSet(env, name as SettingName));
  const { values } = profiled;
  const upstreams = readUpstreams(values, faults);
  const redisAccess = readRedisAccess(values, faults);
  const unknown = findUnknownSettings(env);
  faults.push(
    ...unknown.faults,
    ...environmentErrors(env),
    ...crossErrors(values, env),
    ...forwardAuthErrors(values),
    ...profiled.faults,
    ...providerErrors(values, (name) => isSet(env, name)),
    ...pagePolicyErrors(values),
  );
  const required = requiredValues(values);
  if (faults.length > 0 || required === undefined) throw new ConfigError(faults);
  const production = env["NODE_ENV"] === "production";
  const adminTokenFile = valueFileOf(env, "ADMIN_TOKEN");
  const server = serverConfig(values, { production, redisAccess, secretKeys: required.SECRET_KEYS, adminTokenFile });
  const own = applicationConfig(values, required, { production, upstreams, fileOf: (name) => valueFileOf(env, name) });
  const gateway = gatewayConfig({ ...server, warnings: [...unknown.warnings, ...pagePolicyWarnings(values)] }, [own]);
  return deepFreeze(gateway);
}

export function gatewayConfig(server: ServerConfig, applications: readonly ApplicationConfig[]): GatewayConfig {
  const { warnings: _, ...effective } = server;
  return {
    server,
    applications: applications.map((own) => ({ ...server, ...own })),
    hash: fingerprint([effective, applications], server.secretKeys),
  };
}

type RequiredName = "PUBLIC_ORIGIN" | "OIDC_ISSUER" | "OIDC_CLIENT_ID" | "SECRET_KEYS";
type RequiredValues = { [N in RequiredName]: SettingValue<N> };

function requiredValues({ PUBLIC_ORIGIN, OIDC_ISSUER, OIDC_CLIENT_ID, SECRET_KEYS }: Values) {
  if (PUBLIC_ORIGIN === undefined || OIDC_ISSUER === undefined) return undefined;
  if (OIDC_CLIENT_ID === undefined || SECRET_KEYS === undefined) return undefined;
  return { PUBLIC_ORIGIN, OIDC_ISSUER, OIDC_CLIENT_ID, SECRET_KEYS } satisfies RequiredValues;
}

type ServerParts = Pick<ServerConfig, "production" | "redisAccess" | "secretKeys"> & {
  adminTokenFile: string | undefined;
};

function serverConfig(values: Values, { adminTokenFile, ...parts }: ServerParts): Omit<ServerConfig, "warnings"> {
  return {
    ...parts,
    listen: { host: values.HOST ?? "", port: values.PORT ?? 0 },
    management: { host: values.MANAGEMENT_HOST ?? "", port: values.MANAGEMENT_PORT ?? 0 },
    forwardAuth: forwardAuthConfig(values),
    adminTokens: values.ADMIN_TOKEN && { tokens: values.ADMIN_TOKEN, file: adminTokenFile },
    redisUrl: values.REDIS_URL,
    redisTimeoutMs: values.REDIS_TIMEOUT_MS ?? 0,
    redisConfirmReplicas: values.REDIS_CONFIRM_REPLICAS,
    maxEventStreams: values.MAX_EVENT_STREAMS ?? 0,
    trustedProxies: values.TRUSTED_PROXIES as BlockList,
    waitingLimits: waitingLimits(values),
    maxConnections: values.MAX_CONNECTIONS ?? 0,
    workers: values.WORKERS ?? 1,
    drainMs: (values.DRAIN_SECONDS ?? 0) * 1000,
    logLevel: values.LOG_LEVEL ?? "",
  };
}

type ApplicationParts = {
  production: boolean;
  upstreams: readonly UpstreamConfig[];
  /** @returns the path in NAME_FILE */
  fileOf: (name: SettingName) => string | undefined;
};

function applicationConfig(
  values: Values,
  { PUBLIC_ORIGIN, OIDC_ISSUER, OIDC_CLIENT_ID }: RequiredValues,
  { production, upstreams, fileOf }: ApplicationParts,
): ApplicationConfig {
  return {
    application: application(values.APP_ID, [OIDC_ISSUER, OIDC_CLIENT_ID, PUBLIC_ORIGIN]),
    publicOrigin: PUBLIC_ORIGIN,
    pagePolicy: pagePolicy(values, { publicOrigin: PUBLIC_ORIGIN, production }),
    transportSecurity: transportSecurity(values, PUBLIC_ORIGIN),
    insecureCookies: values.INSECURE_COOKIES === "loopback",
    provider: providerConfig(values, { issuer: OIDC_ISSUER, clientId: OIDC_CLIENT_ID }, fileOf),
    keycloakAdmin: keycloakAdmin(values, fileOf),
    silentLogin: values.SILENT_LOGIN === "on",
    postLogoutPath: values.POST_LOGOUT_PATH ?? "",
    accountUrl: values.ACCOUNT_URL,
    ...sessionLimits(values),
    upstreams,
    spaRoot: values.SPA_ROOT,
    spaUrl: values.SPA_URL,
  };
}

function sessionLimits(values: Values) {
  return {
    sessionIdleMs: (values.SESSION_IDLE_SECONDS ?? 0) * 1000,
    sessionMaxMs: (values.SESSION_MAX_SECONDS ?? 0) * 1000,
    sessionsPerUser: values.SESSIONS_PER_USER ?? 0,
    sessionCacheMs: (values.SESSION_CACHE_SECONDS ?? 0) * 1000,
  };
}

function application(id: Values["APP_ID"], [issuer, clientId, publicOrigin]: [string, string, string]): Application {
  if (id !== undefined) return { id, isDerived: false };
  return { id: deriveApplicationId({ issuer, clientId, publicOrigin }), isDerived: true };
}

/** By default, one session or client address can use only a part of the shared limit. */
function waitingLimits(values: Values): WaitingLimits {
  const maxWaiting = values.MAX_WAITING_REQUESTS ?? 0;
  const shareOf = (part: number) => Math.max(CONNECTIONS_PER_BROWSER, Math.floor(maxWaiting / part));
  return {
    maxWaiting,
    maxPerSession: values.MAX_WAITING_PER_SESSION ?? shareOf(4),
    maxPerAddress: values.MAX_WAITING_PER_ADDRESS ?? shareOf(2),
  };
}

/** True for invalid values too, so that their own error is the only one reported. */
function isSet(env: Environment, name: SettingName): boolean {
  return [env[name], env[`${name}_FILE`]].some((value) => value !== undefined && value !== "");
}

/** @returns the path in NAME_FILE */
function valueFileOf(env: Environment, name: SettingName): string | undefined {
  const file = env[`${name}_FILE`]?.trim();
  return file === "" ? undefined : file;
}

function readSettings(env: Environment, faults: string[]): Values {
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries<Setting>(SETTINGS)) {
    const raw = readRaw(name, setting, env, faults);
    if (raw === undefined) continue;
    const parsed = setting.schema.safeParse(raw);
    if (parsed.success) values[name] = parsed.data;
    else
      for (const issue of parsed.error.issues) faults.push(`${name} ${issue.message}. It means: ${setting.meaning}.`);
  }
  return values as Values;
}

function readRaw(name: string, setting: Setting, env: Environment, faults: string[]): string | undefined {
  // Empty means unset: Compose files pass `${NAME:-}`.
  const direct = [isProxySetting(name) ? env[name.toLowerCase()] : undefined, env[name]].find(
    (value) => value !== undefined && value !== "",
  );
  const file = setting.secret === true && env[`${name}_FILE`] !== "" ? env[`${name}_FILE`] : undefined;
  if (direct !== undefined && file !== undefined) {
    faults.push(`${name} and ${name}_FILE are both set. Keep one.`);
    return undefined;
  }
  if (file !== undefined || direct !== undefined) {
    const value = file === undefined ? cleanText(direct ?? "") : readValueFile(file.trim());
    if ("text" in value) return value.text;
    faults.push(`${file === undefined ? name : `${name}_FILE`} ${value.fault}.`);
    return undefined;
  }
  if (setting.default === undefined && setting.required === true) {
    const cure = setting.secret === true ? `Set ${name} or ${name}_FILE` : `Set ${name}`;
    faults.push(`${name} is required. ${cure}: ${setting.meaning}.${name === "SECRET_KEYS" ? KEY_RECIPE : ""}`);
  }
  return setting.default;
}

const KEY_RECIPE = " Make one with: node -p \"require('node:crypto').randomBytes(32).toString('base64url')\"";

function readUpstreams(values: Values, faults: string[]): UpstreamConfig[] {
  const { upstreams, faults: found } = parseUpstreams(values.UPSTREAMS, values.UPSTREAMS_FILE);
  faults.push(...found);
  if (values.OIDC_SENDER_CONSTRAINED === "mtls") faults.push(...certificateBoundErrors(upstreams));
  return upstreams;
}

/** Environment variables of Node and libraries that would disable certificate checks or print secrets. */
function environmentErrors(env: Environment): string[] {
  const faults: string[] = [];
  if (env["NODE_TLS_REJECT_UNAUTHORIZED"] === "0")
    faults.push("NODE_TLS_REJECT_UNAUTHORIZED=0 turns certificate checks off. Unset it; use NODE_EXTRA_CA_CERTS.");
  if (env["NODE_DEBUG"] !== undefined && env["NODE_DEBUG"] !== "")
    faults.push("NODE_DEBUG prints cookies, sessions and bearer tokens. Unset it; use LOG_LEVEL=debug.");
  if (/ioredis|\*/.test(env["DEBUG"] ?? ""))
    faults.push("DEBUG makes the Redis client print its password. Unset it; use LOG_LEVEL=debug.");
  return faults;
}

/** Rules that involve several settings. */
function crossErrors(values: Values, env: Environment): string[] {
  const faults: string[] = [];
  const origin = values.PUBLIC_ORIGIN;
  const loopback = origin !== undefined && isLoopbackUrl(origin);
  if (origin?.startsWith("http:") === true && !loopback)
    faults.push("PUBLIC_ORIGIN must be https unless its host is loopback: browsers drop Secure cookies over http.");
  if (values.INSECURE_COOKIES === "loopback" && origin !== undefined && !(loopback && origin.startsWith("http:")))
    faults.push(
      "INSECURE_COOKIES may be loopback only while PUBLIC_ORIGIN is http on a loopback host: over https every browser stores Secure cookies. Unset it.",
    );
  if (values.OIDC_ISSUER?.startsWith("http:") === true && origin !== undefined && !loopback)
    faults.push("OIDC_ISSUER may be http only while PUBLIC_ORIGIN is loopback. Put TLS in front of the provider.");
  if (env["NODE_ENV"] === "production" && !isSet(env, "REDIS_URL"))
    faults.push("REDIS_URL is required when NODE_ENV=production: without it, sessions are lost when the process ends.");
  if ((values.WORKERS ?? 1) > 1 && !isSet(env, "REDIS_URL"))
    faults.push("WORKERS above 1 needs REDIS_URL: without it, each process would have sessions of its own.");
  if (values.SPA_ROOT !== undefined && values.SPA_URL !== undefined)
    faults.push("SPA_ROOT and SPA_URL are both set: the app has one place. Keep one.");
  if (values.PORT !== 0 && values.PORT === values.MANAGEMENT_PORT)
    faults.push("MANAGEMENT_PORT must differ from PORT: health and metrics must not be on the public listener.");
  const idle = values.SESSION_IDLE_SECONDS;
  const max = values.SESSION_MAX_SECONDS;
  if (idle !== undefined && max !== undefined && idle > max)
    faults.push("SESSION_IDLE_SECONDS must not exceed SESSION_MAX_SECONDS: the idle limit could never be reached.");
  return faults;
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value))
    if (typeof part === "object" && part !== null && !ArrayBuffer.isView(part)) deepFreeze(part);
  return Object.freeze(value);
}
