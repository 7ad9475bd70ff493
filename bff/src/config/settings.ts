// Every setting of the gateway: name, schema, default, meaning. To add one: an entry here, its value in config-types.ts and
// assemble-config.ts, its topic in bff/scripts/settings-table.ts, then `npm run docs:tables`, which writes
// docs/reference/settings.md. Settings of one topic are in files of their own, such as provider-settings.ts.
import { z } from "zod";
import { APPLICATION_ID, APPLICATION_ID_RULE, applicationId } from "../lib/application-id.ts";
import { ADMIN_SETTINGS } from "./admin-token.ts";
import { FORWARD_AUTH_SETTINGS } from "./forward-auth-settings.ts";
import { LIMIT_SETTINGS, SESSION_SETTINGS } from "./limit-settings.ts";
import { PAGE_POLICY_SETTINGS } from "./page-policy-settings.ts";
import { ERROR_PAGES_SETTINGS } from "./pages/error-pages.ts";
import { PROVIDER_SETTINGS } from "./provider-settings.ts";
import { REDIS_SETTINGS } from "./redis-access.ts";
import {
  cidrList,
  fileForms,
  filePath,
  httpUrl,
  masterKeys,
  origin,
  port,
  spaUrl,
  text,
  wholeNumber,
  type Setting,
} from "./setting-shapes.ts";

export type { Setting } from "./setting-shapes.ts";

export const SETTINGS = {
  PUBLIC_ORIGIN: {
    path: "origin",
    scope: "application",
    schema: origin,
    default: "http://localhost:3000",
    meaning: "Origin that browsers use; https unless the host is loopback",
  },
  INSECURE_COOKIES: {
    path: "insecureCookies",
    scope: "application",
    schema: z.enum(["never", "loopback"], { error: "must be never or loopback" }),
    default: "never",
    meaning:
      "`loopback`: browsers that do not store `Secure` cookies over http (WebKit) get cookies without `Secure`. For development on http://localhost only; `npm start` and `npm run dev` set it",
  },
  APP_ID: {
    path: "id",
    scope: "application",
    schema: z.string().regex(APPLICATION_ID, APPLICATION_ID_RULE).transform(applicationId),
    meaning:
      "Application id, part of all Redis names and of key derivation: equal on all instances of an application, different for each application. Unset: derived from OIDC_ISSUER, OIDC_CLIENT_ID and PUBLIC_ORIGIN. A change ends all sessions",
  },
  HOST: {
    path: "listen.host",
    scope: "server",
    schema: text,
    default: "127.0.0.1",
    meaning: "Address of the public listener",
  },
  PORT: {
    path: "listen.port",
    scope: "server",
    schema: port,
    default: "3000",
    meaning: "Port of the public listener",
  },
  MANAGEMENT_HOST: {
    path: "management.host",
    scope: "server",
    schema: text,
    default: "127.0.0.1",
    meaning: "Address of the management listener (/livez, /readyz, /metrics, admin API)",
  },
  MANAGEMENT_PORT: {
    path: "management.port",
    scope: "server",
    schema: port,
    default: "9000",
    meaning: "Port of the management listener",
  },
  ...FORWARD_AUTH_SETTINGS,
  ...PROVIDER_SETTINGS,
  ...ADMIN_SETTINGS,
  ACCOUNT_URL: {
    path: "provider.accountUrl",
    scope: "application",
    schema: httpUrl,
    meaning:
      "URL of the provider's account page, which the app links to. Keycloak: OIDC_ISSUER plus `/account/?referrer=` and OIDC_CLIENT_ID",
  },
  SILENT_LOGIN: {
    path: "silentLogin",
    scope: "application",
    schema: z.enum(["off", "on"], { error: "must be off or on" }),
    default: "off",
    meaning:
      "`on`: the app may start one login without a page of the provider (`prompt=none`) when a tab opens without a session",
  },
  POST_LOGOUT_PATH: {
    path: "postLogoutPath",
    scope: "application",
    schema: z.string().regex(/^\/(?![/\\])[\w\-./]*$/, "must be a path of the public origin"),
    default: "/",
    meaning:
      "Path of the page after a logout. The provider redirects to `/bff/logout/return`, which redirects there: register PUBLIC_ORIGIN plus `/bff/logout/return` as post-logout redirect URI",
  },
  ...REDIS_SETTINGS,
  SECRET_KEYS: {
    path: "secretKeys",
    scope: "server",
    schema: masterKeys,
    required: true,
    secret: true,
    meaning: "Master keys, comma-separated, newest first: at least 32 random bytes each in base64url",
  },
  ...SESSION_SETTINGS,
  ...LIMIT_SETTINGS,
  UPSTREAMS: {
    path: "upstreams",
    scope: "application",
    schema: z.string().min(1, "must not be empty").register(fileForms, { kind: "rows" }),
    meaning: "APIs, comma-separated `prefix=base URL`, e.g. `/api=http://localhost:8000`",
  },
  UPSTREAMS_FILE: {
    path: "upstreamsFile",
    scope: "application",
    schema: z.string().min(1, "must not be empty").register(fileForms, { kind: "path", isContent: true }),
    meaning: "JSON file with a list of upstreams, for options beyond prefix and base URL",
  },
  SPA_ROOT: {
    path: "pages.root",
    scope: "application",
    schema: filePath,
    meaning: "Folder of the built SPA; unset: no files are served",
  },
  SPA_URL: {
    path: "pages.url",
    scope: "application",
    schema: spaUrl,
    meaning:
      "URL of the page of an SPA whose build is on a CDN, instead of SPA_ROOT. The gateway fetches it, revalidates it every 30 seconds and serves the last version while the CDN does not respond. Its scripts and other files load from the CDN",
  },
  ...PAGE_POLICY_SETTINGS,
  ...ERROR_PAGES_SETTINGS,
  TRUSTED_PROXIES: {
    path: "trustedProxies",
    scope: "server",
    schema: cidrList,
    default: "",
    meaning:
      "CIDR list of proxies whose X-Forwarded-For is trusted, for the client address in the log, in quotas and towards upstreams",
  },
  WORKERS: {
    path: "workers",
    scope: "server",
    schema: wholeNumber(1, 64),
    default: "1",
    meaning: "Number of processes that share the listener; crashed ones are restarted. Above 1 requires REDIS_URL",
  },
  DRAIN_SECONDS: {
    path: "drainSeconds",
    scope: "server",
    schema: wholeNumber(0, 300),
    default: "10",
    meaning: "Graceful shutdown: seconds in which requests in flight can finish after SIGTERM",
  },
  LOG_LEVEL: {
    path: "log.level",
    scope: "server",
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
