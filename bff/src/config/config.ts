// Loads the configuration from the environment into a frozen Config and reports all errors at once. The only reader of
// process.env.
import type { BlockList } from "node:net";
import { isLoopbackUrl } from "../lib/host.ts";
import { deriveApplicationId, type Application } from "../lib/application-id.ts";
import { cleanText, readValueFile } from "./setting-text.ts";
import { keycloakAdmin, type KeycloakAdminConfig } from "./keycloak-admin.ts";
import { providerConfig, providerErrors, type ProviderConfig } from "./provider-settings.ts";
import { SETTINGS, type Setting, type SettingName, type SettingValue } from "./settings.ts";
import { applySecurityProfile } from "./security-profile.ts";
import { readRedisAccess, type RedisAccess } from "./redis-access.ts";
import { isProxySetting } from "./outbound-proxy.ts";
import { findUnknownSettings } from "./unknown-settings.ts";
import { certificateBoundErrors } from "./certificate-bound-upstreams.ts";
import { parseUpstreams, type UpstreamConfig } from "./upstreams.ts";

export type { KeycloakAdminConfig } from "./keycloak-admin.ts";
export type { ProviderConfig } from "./provider-settings.ts";
export type { TokenTarget, UpstreamConfig } from "./upstreams.ts";

export type Config = Readonly<{
  production: boolean;
  application: Application;
  publicOrigin: string;
  /** Whether PUBLIC_ORIGIN is https: decides HSTS. */
  secureOrigin: boolean;
  /** Whether WebKit browsers get cookies without Secure; on http loopback only. */
  insecureCookies: boolean;
  listen: Readonly<{ host: string; port: number }>;
  management: Readonly<{ host: string; port: number }>;
  provider: ProviderConfig;
  /** Undefined: the gateway does not end sessions at Keycloak. */
  keycloakAdmin: KeycloakAdminConfig | undefined;
  /** Whether the app may start silent logins. */
  silentLogin: boolean;
  postLogoutPath: string;
  /** URL of the provider's account page. */
  accountUrl: string | undefined;
  redisUrl: string | undefined;
  redisTimeoutMs: number;
  /** Undefined: depends on the topology. */
  redisConfirmReplicas: number | undefined;
  redisAccess: RedisAccess;
  /** Master keys, newest first: the first one seals, all of them open. */
  secretKeys: readonly Uint8Array[];
  sessionIdleMs: number;
  sessionMaxMs: number;
  /** 0: no limit. */
  sessionsPerUser: number;
  maxEventStreams: number;
  /** 0: the session cache is off. */
  sessionCacheMs: number;
  upstreams: readonly UpstreamConfig[];
  spaRoot: string | undefined;
  trustedProxies: BlockList;
  /** Load shedding: limits on requests that wait for their response. */
  waitingLimits: WaitingLimits;
  maxConnections: number;
  /** Number of processes that share the listener. */
  workers: number;
  drainMs: number;
  logLevel: string;
  /** One sentence per variable that looks like a setting and has no effect. */
  warnings: readonly string[];
}>;

export type WaitingLimits = Readonly<{ maxWaiting: number; maxPerSession: number; maxPerAddress: number }>;

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

/** @throws ConfigError with all errors; contains no secret values. */
export function loadConfig(env: Environment = process.env): Config {
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
    ...profiled.faults,
    ...providerErrors(values, (name) => isSet(env, name)),
  );
  const { PUBLIC_ORIGIN, OIDC_ISSUER, OIDC_CLIENT_ID, SECRET_KEYS } = values;
  const fileOf = (name: SettingName) => valueFileOf(env, name);
  if (
    faults.length > 0 ||
    PUBLIC_ORIGIN === undefined ||
    OIDC_ISSUER === undefined ||
    OIDC_CLIENT_ID === undefined ||
    SECRET_KEYS === undefined
  )
    throw new ConfigError(faults);
  return deepFreeze({
    production: env["NODE_ENV"] === "production",
    application: application(values.APP_ID, [OIDC_ISSUER, OIDC_CLIENT_ID, PUBLIC_ORIGIN]),
    publicOrigin: PUBLIC_ORIGIN,
    secureOrigin: PUBLIC_ORIGIN.startsWith("https:"),
    insecureCookies: values.INSECURE_COOKIES === "loopback",
    listen: { host: values.HOST ?? "", port: values.PORT ?? 0 },
    management: { host: values.MANAGEMENT_HOST ?? "", port: values.MANAGEMENT_PORT ?? 0 },
    provider: providerConfig(values, { issuer: OIDC_ISSUER, clientId: OIDC_CLIENT_ID }, fileOf),
    keycloakAdmin: keycloakAdmin(values, fileOf),
    silentLogin: values.SILENT_LOGIN === "on",
    postLogoutPath: values.POST_LOGOUT_PATH ?? "",
    accountUrl: values.ACCOUNT_URL,
    redisUrl: values.REDIS_URL,
    redisTimeoutMs: values.REDIS_TIMEOUT_MS ?? 0,
    redisConfirmReplicas: values.REDIS_CONFIRM_REPLICAS,
    redisAccess,
    secretKeys: SECRET_KEYS,
    ...sessionLimits(values),
    upstreams,
    spaRoot: values.SPA_ROOT,
    trustedProxies: values.TRUSTED_PROXIES as BlockList,
    waitingLimits: waitingLimits(values),
    maxConnections: values.MAX_CONNECTIONS ?? 0,
    workers: values.WORKERS ?? 1,
    drainMs: (values.DRAIN_SECONDS ?? 0) * 1000,
    logLevel: values.LOG_LEVEL ?? "",
    warnings: unknown.warnings,
  });
}

function sessionLimits(values: Values) {
  return {
    sessionIdleMs: (values.SESSION_IDLE_SECONDS ?? 0) * 1000,
    sessionMaxMs: (values.SESSION_MAX_SECONDS ?? 0) * 1000,
    sessionsPerUser: values.SESSIONS_PER_USER ?? 0,
    maxEventStreams: values.MAX_EVENT_STREAMS ?? 0,
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
