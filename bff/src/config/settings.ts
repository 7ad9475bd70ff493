// Every setting of the gateway: name, schema, default, meaning. config.ts reads them; docs/reference/settings.md is
// generated from them (npm run docs:tables).
import { z } from "zod";
import { APPLICATION_ID, APPLICATION_ID_RULE, applicationId } from "../lib/application-id.ts";
import { port, wholeNumber, httpUrl, origin, issuer, masterKeys, cidrList, text, redisUrl } from "./setting-shapes.ts";

export type Setting = {
  schema: z.ZodType;
  /** As it would be written in the environment; absent: see `required`. */
  default?: string;
  required?: true;
  /** May also be given as NAME_FILE, a path whose content is the value; never printed. */
  secret?: true;
  /** One line, with unit and rule; shown in docs/reference/settings.md. */
  meaning: string;
};

export const SETTINGS = {
  PUBLIC_ORIGIN: {
    schema: origin,
    default: "http://localhost:3000",
    meaning: "The one origin that browsers use; https unless the host is loopback",
  },
  INSECURE_COOKIES: {
    schema: z.enum(["never", "loopback"], { error: "must be never or loopback" }),
    default: "never",
    meaning:
      "`loopback`: browsers that store no `Secure` cookie over http (WebKit) get cookies without it. For trying out on http://localhost only; `npm start` and `npm run dev` set it",
  },
  APP_ID: {
    schema: z.string().regex(APPLICATION_ID, APPLICATION_ID_RULE).transform(applicationId),
    meaning:
      "Name of the application at Redis and in key derivation; the same on all its instances, another one for every other application; unset: derived from OIDC_ISSUER, OIDC_CLIENT_ID and PUBLIC_ORIGIN. A change ends its sessions",
  },
  HOST: { schema: text, default: "127.0.0.1", meaning: "Address of the public listener" },
  PORT: { schema: port, default: "3000", meaning: "Port of the public listener" },
  MANAGEMENT_HOST: {
    schema: text,
    default: "127.0.0.1",
    meaning: "Address of the management listener (/livez, /readyz, /metrics)",
  },
  MANAGEMENT_PORT: { schema: port, default: "9000", meaning: "Port of the management listener" },
  OIDC_ISSUER: {
    schema: issuer,
    required: true,
    meaning: "The provider's issuer, exactly as it names itself; http only while PUBLIC_ORIGIN is loopback",
  },
  OIDC_INTERNAL_URL: {
    schema: httpUrl,
    meaning: "Where the gateway reaches the provider, if by another address than browsers do",
  },
  OIDC_CLIENT_ID: { schema: text, required: true, meaning: "Our client id at the provider" },
  OIDC_CLIENT_SECRET: {
    schema: z.string().min(16, "must have at least 16 characters"),
    required: true,
    secret: true,
    meaning: "Our client secret at the provider",
  },
  OIDC_SCOPE: {
    schema: z.string().refine((value) => value.split(" ").includes("openid"), 'must contain "openid"'),
    default: "openid profile email",
    meaning: "Scopes asked for at login, separated by spaces",
  },
  OIDC_RESOURCE: {
    schema: httpUrl,
    meaning: "RFC 8707 resource indicator sent with login and refresh, where the provider wants one",
  },
  OIDC_ID_TOKEN_ALG: {
    schema: z.enum(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"], {
      error: "must be one asymmetric algorithm: RS256, PS256, ES256, EdDSA or their longer forms",
    }),
    default: "RS256",
    meaning: "The one signature algorithm accepted on ID and logout tokens",
  },
  OIDC_RESPONSE_ISS: {
    schema: z.enum(["required", "optional"], { error: "must be required or optional" }),
    default: "required",
    meaning: "Whether the provider must name itself in its answers (RFC 9207); optional only for one that cannot",
  },
  OIDC_ROLES_CLAIM: {
    schema: z.string().regex(/^[\w-]+(\.[\w-]+)*$/, "must be a claim name; dots reach into objects"),
    default: "roles",
    meaning: "ID token claim that lists the user's roles, e.g. `realm_access.roles`",
  },
  OIDC_TIMEOUT_SECONDS: {
    schema: wholeNumber(1, 60),
    default: "10",
    meaning: "Seconds that one call to the provider may take",
  },
  REFRESH_RATE_PER_SECOND: {
    schema: wholeNumber(0, 10_000),
    default: "100",
    meaning:
      "Token refreshes per second that the provider is asked for at most, by all instances of the application together; 0: no limit",
  },
  KEYCLOAK_ADMIN_CLIENT_ID: {
    schema: text,
    meaning:
      "A client of Keycloak's of its own, with a service account that may end sessions: logging out everywhere then ends them there too",
  },
  KEYCLOAK_ADMIN_CLIENT_SECRET: {
    schema: z.string().min(16, "must have at least 16 characters"),
    secret: true,
    meaning: "Its secret",
  },
  ACCOUNT_URL: {
    schema: httpUrl,
    meaning:
      "Where users manage their account; the app links to it. Keycloak: OIDC_ISSUER plus `/account/?referrer=` and OIDC_CLIENT_ID",
  },
  POST_LOGOUT_PATH: {
    schema: z.string().regex(/^\/(?![/\\])[\w\-./]*$/, "must be a path of the public origin"),
    default: "/",
    meaning: "Where the provider sends the browser after logout; register PUBLIC_ORIGIN plus this path",
  },
  REDIS_URL: {
    schema: redisUrl,
    secret: true,
    meaning: "The session store; unset: in this process only, refused when NODE_ENV=production",
  },
  REDIS_CA_FILE: {
    schema: text,
    meaning: "PEM file with the CA of the Redis servers and Sentinels, for rediss://; unset: the public CAs",
  },
  REDIS_CERT_FILE: {
    schema: text,
    meaning: "PEM file with the client certificate for servers that demand one (tls-auth-clients)",
  },
  REDIS_KEY_FILE: { schema: text, meaning: "PEM file with the private key of REDIS_CERT_FILE" },
  REDIS_SENTINEL_USERNAME: {
    schema: text,
    meaning: "User name for the Sentinels; the one in REDIS_URL is for the servers",
  },
  REDIS_SENTINEL_PASSWORD: {
    schema: text,
    secret: true,
    meaning: "Password at the Sentinels, if they demand one",
  },
  REDIS_TIMEOUT_MS: {
    schema: wholeNumber(10, 2_000),
    default: "400",
    meaning: "Milliseconds that one command to the session store may take",
  },
  REDIS_CONFIRM_REPLICAS: {
    schema: wholeNumber(0, 5),
    meaning:
      "Replicas that must have a logout before it is acknowledged, or it is a 503; unset: 1 with Sentinel, and with a Cluster that has replicas, else 0",
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
    meaning: "Seconds without a request after which a session ends",
  },
  SESSION_MAX_SECONDS: {
    schema: wholeNumber(10, 31_536_000),
    default: "28800",
    meaning: "Seconds after login at which a session ends in any case",
  },
  SESSIONS_PER_USER: {
    schema: wholeNumber(0, 1_000),
    default: "0",
    meaning: "Sessions that one user may have at once: a login beyond that ends the oldest; 0: no limit",
  },
  MAX_EVENT_STREAMS: {
    schema: wholeNumber(0, 1_000_000),
    default: "10000",
    meaning:
      "Streams of /bff/events that one instance holds open, at most 32 for a session and 128 for a user; beyond that 429",
  },
  SESSION_CACHE_SECONDS: {
    schema: wholeNumber(0, 3_600),
    default: "30",
    meaning:
      "Seconds for which a session may be served from memory while Redis tells of every change; 0: it is asked on every request. The same on all instances",
  },
  UPSTREAMS: {
    schema: text,
    meaning: "APIs, comma-separated `prefix=base URL`, e.g. `/api=http://localhost:8000`",
  },
  UPSTREAMS_FILE: { schema: text, meaning: "JSON file with a list of upstreams, for everything beyond that" },
  SPA_ROOT: { schema: text, meaning: "Folder of the built SPA; unset: none is served" },
  TRUSTED_PROXIES: {
    schema: cidrList,
    default: "",
    meaning:
      "CIDR list of proxies whose X-Forwarded-For is believed, for the client's address in the log, in quotas and to upstreams",
  },
  MAX_WAITING_REQUESTS: {
    schema: wholeNumber(1, 1_000_000),
    default: "2000",
    meaning:
      "Requests that may wait for the beginning of their answers at once, in each process, without those whose body is still being sent; beyond that 503, but never for a logout",
  },
  MAX_WAITING_PER_SESSION: {
    schema: wholeNumber(1, 1_000_000),
    meaning:
      "Of these, requests of one session to upstreams; beyond that 429. Unset: a quarter of `MAX_WAITING_REQUESTS`, at least 6 (the connections of a browser)",
  },
  MAX_WAITING_PER_ADDRESS: {
    schema: wholeNumber(1, 1_000_000),
    meaning:
      "Of these, requests of one client address that belong to no verified session; beyond that 429. Unset: half of `MAX_WAITING_REQUESTS`, at least 6. Behind a proxy set `TRUSTED_PROXIES`; otherwise all clients share the proxy's address",
  },
  MAX_CONNECTIONS: {
    schema: wholeNumber(1, 1_000_000),
    default: "20000",
    meaning: "Connections that one process holds at once; further ones are closed as they come",
  },
  WORKERS: {
    schema: wholeNumber(1, 64),
    default: "1",
    meaning: "Processes that share the listener, started again when they crash; above 1 needs REDIS_URL",
  },
  DRAIN_SECONDS: {
    schema: wholeNumber(0, 300),
    default: "10",
    meaning: "Seconds that running requests get to finish after SIGTERM",
  },
  LOG_LEVEL: {
    schema: z.enum(["debug", "info", "warn", "error", "silent"], {
      error: "must be debug, info, warn, error or silent",
    }),
    default: "info",
    meaning: "Least severe level that is logged",
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;
/** The parsed value of a setting; undefined only where it has neither default nor `required`. */
export type SettingValue<N extends SettingName> = z.output<(typeof SETTINGS)[N]["schema"]>;
