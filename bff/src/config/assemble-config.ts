// Makes the configuration of the process and of one application from the texts of their settings.
import type { BlockList } from "node:net";
import { deriveApplicationId, type Application } from "../lib/application-id.ts";
import { certificateBoundErrors } from "./certificate-bound-upstreams.ts";
import { ConfigError } from "./config-error.ts";
import type { ApplicationConfig, ConfigTexts, GatewayConfig, ServerConfig, WaitingLimits } from "./config-types.ts";
import { forwardAuthConfig, forwardAuthErrors } from "./forward-auth-settings.ts";
import { fingerprint } from "./fingerprint.ts";
import { identityPaths } from "./identity-headers.ts";
import { keycloakAdmin } from "./keycloak-admin.ts";
import { readErrorPages, type ErrorPages } from "./pages/error-pages.ts";
import { providerConfig, providerErrors } from "./provider-settings.ts";
import { pagePolicy, pagePolicyErrors, pagePolicyWarnings, transportSecurity } from "./page-policy-settings.ts";
import { isSet, readSettings, valueFileOf, type Environment, type Values } from "./read-settings.ts";
import { readRedisAccess } from "./redis-access.ts";
import { applySecurityProfile } from "./security-profile.ts";
import { crossErrors } from "./setting-rules.ts";
import type { SettingName, SettingValue } from "./settings.ts";
import { BOTH_UPSTREAMS, parseUpstreams, readUpstreamRows, type RowFault, type UpstreamConfig } from "./upstreams.ts";

/** HTTP/1.1 connections of a browser to one origin. */
const CONNECTIONS_PER_BROWSER = 6;

/** Settings of one application and of the process that serves it. */
export type SettingSource = Readonly<{
  env: Environment;
  /** Rows of cloakroom.yaml, in place of UPSTREAMS and UPSTREAMS_FILE. */
  rows?: readonly unknown[] | undefined;
}>;

/** Rules about what is outside of the settings; without them a command can read the configuration on another machine. */
export type OutsideRules = Readonly<{
  /** @returns why the folder of SPA_ROOT cannot be served, in one sentence */
  spaRoot?: (root: string) => string | undefined;
}>;

export type Assembled = Readonly<{
  /** One sentence per fault; settings are named by their environment variables. */
  faults: readonly string[];
  /** Sentences of the same kind about valid settings without effect. */
  warnings: readonly string[];
  /** Faults of `rows`. */
  rowFaults: readonly RowFault[];
  /** Files that settings name, read with the configuration only. */
  files: readonly string[];
  /** Undefined if there are faults. */
  config: { server: Omit<ServerConfig, "warnings">; own: ApplicationConfig } | undefined;
}>;

export function assembleConfig({ env, rows }: SettingSource, rules: OutsideRules = {}): Assembled {
  const faults: string[] = [];
  const profiled = applySecurityProfile(readSettings(env, faults), (name) => isSet(env, name as SettingName));
  const { values } = profiled;
  const { upstreams, rowFaults, files: ofRows } = readUpstreams(values, rows, faults);
  const redisAccess = readRedisAccess(values, faults);
  const pages = readErrorPages(values.ERROR_PAGES);
  faults.push(
    ...pages.faults,
    ...(values.SPA_ROOT === undefined ? [] : [rules.spaRoot?.(values.SPA_ROOT) ?? []].flat()),
    ...crossErrors(values, env),
    ...forwardAuthErrors(values),
    ...pagePolicyErrors(values),
    ...profiled.faults,
    ...providerErrors(values, (name) => isSet(env, name)),
  );
  const warnings = pagePolicyWarnings(values);
  const files = [...ofRows, ...pages.files];
  const required = requiredValues(values);
  if (faults.length > 0 || rowFaults.length > 0 || required === undefined)
    return { faults, warnings, rowFaults, files, config: undefined };
  const production = env["NODE_ENV"] === "production";
  const adminTokenFile = valueFileOf(env, "ADMIN_TOKEN");
  const server = serverConfig(values, { production, redisAccess, secretKeys: required.SECRET_KEYS, adminTokenFile });
  const own = applicationConfig(values, required, {
    ...{ production, upstreams, errorPages: pages.errorPages },
    fileOf: (name) => valueFileOf(env, name),
  });
  return { faults, warnings, rowFaults, files, config: { server, own } };
}

function readUpstreams(values: Values, rows: SettingSource["rows"], faults: string[]) {
  const fromFile = rows === undefined ? undefined : readUpstreamRows(rows);
  if (rows !== undefined && values.UPSTREAMS_FILE !== undefined) faults.push(BOTH_UPSTREAMS);
  const fromText = fromFile === undefined ? parseUpstreams(values.UPSTREAMS, values.UPSTREAMS_FILE) : undefined;
  faults.push(...(fromText?.faults ?? []));
  const upstreams = fromFile?.upstreams ?? fromText?.upstreams ?? [];
  if (values.OIDC_SENDER_CONSTRAINED === "mtls") faults.push(...certificateBoundErrors(upstreams));
  return { upstreams, rowFaults: fromFile?.faults ?? [], files: fromText?.files ?? [] };
}

/** @param files whose content is part of the configuration */
export function gatewayConfig(
  server: ServerConfig,
  applications: readonly ApplicationConfig[],
  { files = [], texts }: { files?: readonly string[]; texts?: ConfigTexts } = {},
): GatewayConfig {
  const { warnings: _, ...effective } = server;
  return deepFreeze({
    server,
    applications: applications.map((own) => ({ ...server, ...own })),
    // The order of the applications has no meaning.
    hash: fingerprint([effective, new Set(applications)], server.secretKeys),
    files,
    texts,
  });
}

/**
 * Makes the configuration of another process from its texts.
 * @throws ConfigError if a file that it names, such as a CA, has become invalid
 */
export function restoreGatewayConfig(texts: ConfigTexts, files: readonly string[]): GatewayConfig {
  const assembled = texts.applications.map((source) => assembleConfig(source));
  const faults = assembled.flatMap((each) => [...each.faults, ...each.rowFaults.map(({ message }) => message)]);
  const configs = assembled.flatMap(({ config }) => (config === undefined ? [] : [config]));
  const [first] = configs;
  if (faults.length > 0 || first === undefined) throw new ConfigError(faults, files);
  const owns = configs.map(({ own }) => own);
  return gatewayConfig({ ...first.server, warnings: texts.warnings }, owns, { files, texts });
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
  errorPages: ErrorPages;
  upstreams: readonly UpstreamConfig[];
  /** @returns the path in NAME_FILE */
  fileOf: (name: SettingName) => string | undefined;
};

function applicationConfig(
  values: Values,
  { PUBLIC_ORIGIN, OIDC_ISSUER, OIDC_CLIENT_ID }: RequiredValues,
  { production, upstreams, errorPages, fileOf }: ApplicationParts,
): ApplicationConfig {
  return {
    application: application(values.APP_ID, [OIDC_ISSUER, OIDC_CLIENT_ID, PUBLIC_ORIGIN]),
    publicOrigin: PUBLIC_ORIGIN,
    pagePolicy: pagePolicy(values, { publicOrigin: PUBLIC_ORIGIN, production }),
    transportSecurity: transportSecurity(values, PUBLIC_ORIGIN),
    insecureCookies: values.INSECURE_COOKIES === "loopback",
    provider: {
      ...providerConfig(values, { issuer: OIDC_ISSUER, clientId: OIDC_CLIENT_ID }, fileOf),
      identityPaths: identityPaths(upstreams),
    },
    keycloakAdmin: keycloakAdmin(values, fileOf),
    silentLogin: values.SILENT_LOGIN === "on",
    postLogoutPath: values.POST_LOGOUT_PATH ?? "",
    accountUrl: values.ACCOUNT_URL,
    ...sessionLimits(values),
    upstreams,
    errorPages,
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

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value))
    if (typeof part === "object" && part !== null && !ArrayBuffer.isView(part)) deepFreeze(part);
  return Object.freeze(value);
}
