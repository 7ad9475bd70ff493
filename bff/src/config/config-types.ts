// The configuration of a gateway process: what applies to the whole process, and one view for each application.
import type { BlockList } from "node:net";
import type { AdminTokens } from "./admin-token.ts";
import type { Application } from "../lib/application-id.ts";
import type { ForwardAuthConfig } from "./forward-auth-settings.ts";
import type { KeycloakAdminConfig } from "./keycloak-admin.ts";
import type { ErrorPages } from "./pages/error-pages.ts";
import type { ProviderConfig } from "./provider-settings.ts";
import type { PagePolicy } from "./page-policy-settings.ts";
import type { RedisAccess } from "./redis-access.ts";
import type { UpstreamConfig } from "./upstreams.ts";

/** Settings of the process: equal for all its applications. */
export type ServerConfig = Readonly<{
  production: boolean;
  listen: Readonly<{ host: string; port: number }>;
  management: Readonly<{ host: string; port: number }>;
  /** Undefined: the admin API is off. */
  adminTokens: AdminTokens | undefined;
  /** Undefined: the forward-auth listener is off. */
  forwardAuth: ForwardAuthConfig | undefined;
  redisUrl: string | undefined;
  redisTimeoutMs: number;
  /** Undefined: depends on the topology. */
  redisConfirmReplicas: number | undefined;
  redisAccess: RedisAccess;
  /** Master keys, newest first: the first one seals, all of them open. */
  secretKeys: readonly Uint8Array[];
  /** At most this many open event streams in the process, shared by its applications. */
  maxEventStreams: number;
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

/** Settings of one application. */
export type ApplicationConfig = Readonly<{
  application: Application;
  publicOrigin: string;
  /** Policies of the app's pages. */
  pagePolicy: PagePolicy;
  /** Value of Strict-Transport-Security; undefined: not sent. */
  transportSecurity: string | undefined;
  /** Whether WebKit browsers get cookies without Secure; on http loopback only. */
  insecureCookies: boolean;
  provider: ProviderConfig;
  /** Undefined: the gateway does not end sessions at Keycloak. */
  keycloakAdmin: KeycloakAdminConfig | undefined;
  /** Whether the app may start silent logins. */
  silentLogin: boolean;
  postLogoutPath: string;
  /** URL of the provider's account page. */
  accountUrl: string | undefined;
  sessionIdleMs: number;
  sessionMaxMs: number;
  /** 0: no limit. */
  sessionsPerUser: number;
  /** 0: the session cache is off. */
  sessionCacheMs: number;
  upstreams: readonly UpstreamConfig[];
  /** Custom templates, and the texts of the gateway's pages. */
  errorPages: ErrorPages;
  spaRoot: string | undefined;
  /** URL of the page of an SPA on a CDN. */
  spaUrl: string | undefined;
}>;

/** One application's view: its own settings and those of the process that serves it. */
export type Config = ServerConfig & ApplicationConfig;

export type GatewayConfig = Readonly<{
  server: ServerConfig;
  /** At least one; each contains `server`. */
  applications: readonly Config[];
  /** Equal on all processes and instances with the same configuration; see fingerprint.ts. */
  hash: string;
  /** Files whose content is part of the configuration, cloakroom.yaml first. Empty if it comes from the environment. */
  files: readonly string[];
  /** The texts of cloakroom.yaml; undefined if the configuration comes from the environment. */
  texts: ConfigTexts | undefined;
}>;

/** A configuration as texts, from which another process makes the same one. Contains secrets. */
export type ConfigTexts = Readonly<{
  applications: readonly Readonly<{
    env: Readonly<Record<string, string | undefined>>;
    rows?: readonly unknown[] | undefined;
  }>[];
  warnings: readonly string[];
}>;

export type WaitingLimits = Readonly<{ maxWaiting: number; maxPerSession: number; maxPerAddress: number }>;
