// Every setting of the gateway: name, schema, default, meaning. To add one: an entry here, its value in config.ts, its
// topic in bff/scripts/settings-table.ts, then `npm run docs:tables`, which writes docs/reference/settings.md. Settings
// of the provider are in provider-settings.ts.
import { z } from "zod";
import { APPLICATION_ID, APPLICATION_ID_RULE, applicationId } from "../lib/application-id.ts";
import { PROVIDER_SETTINGS } from "./provider-settings.ts";
import {
  cidrList,
  httpUrl,
  masterKeys,
  origin,
  port,
  redisUrl,
  text,
  wholeNumber,
  type Setting,
} from "./setting-shapes.ts";

export type { Setting } from "./setting-shapes.ts";

export const SETTINGS = {
  PUBLIC_ORIGIN: {
    schema: origin,
    default: "http://localhost:3000",
    meaning: "Origin that browsers use; https unless the host is loopback",
  },
  INSECURE_COOKIES: {
    schema: z.enum(["never", "loopback"], { error: "must be never or loopback" }),
    default: "never",
    meaning:
      "`loopback`: browsers that do not store `Secure` cookies over http (WebKit) get cookies without `Secure`. For development on http://localhost only; `npm start` and `npm run dev` set it",
  },
  APP_ID: {
    schema: z.string().regex(APPLICATION_ID, APPLICATION_ID_RULE).transform(applicationId),
    meaning:
      "Application id, part of all Redis names and of key derivation: equal on all instances of an application, different for each application. Unset: derived from OIDC_ISSUER, OIDC_CLIENT_ID and PUBLIC_ORIGIN. A change ends all sessions",
  },
  HOST: { schema: text, default: "127.0.0.1", meaning: "Address of the public listener" },
  PORT: { schema: port, default: "3000", meaning: "Port of the public listener" },
  MANAGEMENT_HOST: {
    schema: text,
    default: "127.0.0.1",
    meaning: "Address of the management listener (/livez, /readyz, /metrics)",
  },
  MANAGEMENT_PORT: { schema: port, default: "9000", meaning: "Port of the management listener" },
  ...PROVIDER_SETTINGS,
  ACCOUNT_URL: {
    schema: httpUrl,
    meaning:
      "URL of the provider's account page, which the app links to. Keycloak: OIDC_ISSUER plus `/account/?referrer=` and OIDC_CLIENT_ID",
  },
  SILENT_LOGIN: {
    schema: z.enum(["off", "on"], { error: "must be off or on" }),
    default: "off",
    meaning:
      "`on`: the app may start one login without a page of the provider (`prompt=none`) when a tab opens without a session",
  },
  POST_LOGOUT_PATH: {
    schema: z.string().regex(/^\/(?![/\\])[\w\-./]*$/, "must be a path of the public origin"),
    default: "/",
    meaning:
      "Path of the page after a logout. The provider redirects to `/bff/logout/return`, which redirects there: register PUBLIC_ORIGIN plus `/bff/logout/return` as post-logout redirect URI",
  },
  REDIS_URL: {
    schema: redisUrl,
    secret: true,
    meaning: "Session store. Unset: in the memory of the process; rejected if NODE_ENV=production",
  },
  REDIS_CA_FILE: {
    schema: text,
    meaning: "PEM file with the CA of the Redis servers and Sentinels, for rediss://; unset: the public CAs",
  },
  REDIS_CERT_FILE: {
    schema: text,
    meaning: "PEM file with the client certificate, for servers that require one (tls-auth-clients)",
  },
  REDIS_KEY_FILE: { schema: text, meaning: "PEM file with the private key of REDIS_CERT_FILE" },
  REDIS_SENTINEL_USERNAME: {
    schema: text,
    meaning: "User name for the Sentinels; the user of REDIS_URL is for the servers",
  },
  REDIS_SENTINEL_PASSWORD: {
    schema: text,
    secret: true,
    meaning: "Password for the Sentinels, if they require one",
  },
  REDIS_TIMEOUT_MS: {
    schema: wholeNumber(10, 2_000),
    default: "400",
    meaning: "Time-out of a Redis command, in milliseconds",
  },
  REDIS_CONFIRM_REPLICAS: {
    schema: wholeNumber(0, 5),
    meaning:
      "Number of replicas that must confirm a logout before it succeeds; otherwise 503. Unset: 1 with Sentinel and with a Cluster that has replicas, else 0",
  },
  SECRET_KEYS: {
    schema: masterKeys,
    required: true,
    secret: true,
    meaning: "Master keys, comma-separated, newest first: at least 32 random bytes each in base64url",
  },
  SESSION_IDLE_SECONDS: {
    schema: wholeNumber(10, 31_536_000),
    default: "1800",
    meaning: "Idle limit: a session ends after this many seconds without a request",
  },
  SESSION_MAX_SECONDS: {
    schema: wholeNumber(10, 31_536_000),
    default: "28800",
    meaning: "Absolute limit: a session ends this many seconds after login",
  },
  SESSIONS_PER_USER: {
    schema: wholeNumber(0, 1_000),
    default: "0",
    meaning: "At most this many concurrent sessions per user: a further login ends the oldest; 0: no limit",
  },
  MAX_EVENT_STREAMS: {
    schema: wholeNumber(0, 1_000_000),
    default: "10000",
    meaning:
      "At most this many open event streams (/bff/events) per instance, 32 per session and 128 per user; beyond that 429",
  },
  SESSION_CACHE_SECONDS: {
    schema: wholeNumber(0, 3_600),
    default: "30",
    meaning:
      "Lifetime of session cache entries in seconds; the cache is used while Redis sends invalidations. 0: every request reads Redis. Must be equal on all instances",
  },
  UPSTREAMS: {
    schema: text,
    meaning: "APIs, comma-separated `prefix=base URL`, e.g. `/api=http://localhost:8000`",
  },
  UPSTREAMS_FILE: {
    schema: text,
    meaning: "JSON file with a list of upstreams, for options beyond prefix and base URL",
  },
  SPA_ROOT: { schema: text, meaning: "Folder of the built SPA; unset: no files are served" },
  TRUSTED_PROXIES: {
    schema: cidrList,
    default: "",
    meaning:
      "CIDR list of proxies whose X-Forwarded-For is trusted, for the client address in the log, in quotas and towards upstreams",
  },
  MAX_WAITING_REQUESTS: {
    schema: wholeNumber(1, 1_000_000),
    default: "2000",
    meaning:
      "Load shedding: at most this many requests per process that wait for their response to begin, not counting uploads in progress; beyond that 503, except for logouts",
  },
  MAX_WAITING_PER_SESSION: {
    schema: wholeNumber(1, 1_000_000),
    meaning:
      "Of these, at most this many requests of one session to upstreams; beyond that 429. Unset: a quarter of `MAX_WAITING_REQUESTS`, at least 6 (the connections of a browser)",
  },
  MAX_WAITING_PER_ADDRESS: {
    schema: wholeNumber(1, 1_000_000),
    meaning:
      "Of these, at most this many requests of one client address without a verified session; beyond that 429. Unset: half of `MAX_WAITING_REQUESTS`, at least 6. Behind a proxy set `TRUSTED_PROXIES`; otherwise all clients share the proxy's address",
  },
  MAX_CONNECTIONS: {
    schema: wholeNumber(1, 1_000_000),
    default: "20000",
    meaning: "At most this many open connections per process; further ones are closed immediately",
  },
  WORKERS: {
    schema: wholeNumber(1, 64),
    default: "1",
    meaning: "Number of processes that share the listener; crashed ones are restarted. Above 1 requires REDIS_URL",
  },
  DRAIN_SECONDS: {
    schema: wholeNumber(0, 300),
    default: "10",
    meaning: "Graceful shutdown: seconds in which requests in flight can finish after SIGTERM",
  },
  LOG_LEVEL: {
    schema: z.enum(["debug", "info", "warn", "error", "silent"], {
      error: "must be debug, info, warn, error or silent",
    }),
    default: "info",
    meaning: "Minimum level of log lines",
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;
/** Parsed value of a setting; undefined only if it has neither a default nor `required`. */
export type SettingValue<N extends SettingName> = z.output<(typeof SETTINGS)[N]["schema"]>;
