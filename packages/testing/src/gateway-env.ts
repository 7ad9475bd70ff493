// The environment that the demo hands to the gateway.
import { randomBytes } from "node:crypto";
import { SETTINGS } from "@cloakroom/gateway/src/config/settings.ts";
import { findUnknownSettings } from "@cloakroom/gateway/src/config/unknown-settings.ts";

export const CLIENT_ID = "cloakroom";

export type GatewayAddress = { publicOrigin: string; port: number; managementPort: number };

type Parts = GatewayAddress & {
  issuer: string;
  apiUrl: string;
  clientSecret: string;
  redisUrl: string | undefined;
  spaRoot: string | undefined;
};

export function gatewayEnv(parts: Parts): Record<string, string> {
  return {
    PUBLIC_ORIGIN: parts.publicOrigin,
    HOST: "127.0.0.1",
    PORT: String(parts.port),
    MANAGEMENT_HOST: "127.0.0.1",
    MANAGEMENT_PORT: String(parts.managementPort),
    OIDC_ISSUER: parts.issuer,
    OIDC_CLIENT_ID: CLIENT_ID,
    OIDC_CLIENT_SECRET: parts.clientSecret,
    OIDC_SCOPE: "openid profile email",
    SECRET_KEYS: randomBytes(32).toString("base64url"),
    UPSTREAMS: `/api=${parts.apiUrl}`,
    POST_LOGOUT_PATH: "/logged-out",
    // An open event stream would hold Ctrl-C back for the default ten seconds.
    DRAIN_SECONDS: "2",
    ...(parts.redisUrl === undefined ? {} : { REDIS_URL: parts.redisUrl }),
    ...(parts.spaRoot === undefined ? {} : { SPA_ROOT: parts.spaRoot }),
  };
}

export function clientRegistration(publicOrigin: string, clientSecret: string) {
  return {
    clientId: CLIENT_ID,
    clientSecret,
    clientName: "Cloakroom",
    redirectUris: [`${publicOrigin}/bff/callback`],
    postLogoutRedirectUris: [`${publicOrigin}/logged-out`],
    backchannelLogoutUri: `${publicOrigin}/bff/backchannel-logout`,
  };
}

/** The demo decides these: who logs in, and where its parts listen. */
const DECIDED_HERE = new Set([
  "PUBLIC_ORIGIN",
  "HOST",
  "PORT",
  "MANAGEMENT_HOST",
  "MANAGEMENT_PORT",
  "OIDC_ISSUER",
  "OIDC_INTERNAL_URL",
  "OIDC_CLIENT_ID",
  "OIDC_CLIENT_SECRET",
  "POST_LOGOUT_PATH",
  "REDIS_URL",
  "INSECURE_COOKIES",
]);

/** Settings of the gateway that a person put into the environment, e.g. LOG_LEVEL or SESSION_IDLE_SECONDS. */
export function passedThrough(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  // NODE_ENV too: "production" without Redis is refused there, as it should be.
  // Misspelt settings too: the gateway stops and says which name was meant.
  const names = [
    ...Object.keys(SETTINGS).filter((name) => !DECIDED_HERE.has(name)),
    ...findUnknownSettings(env).misspelt,
    "NODE_ENV",
  ];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = env[name];
      return value === undefined || value === "" ? [] : [[name, value]];
    }),
  );
}
