// The gateway's environment in the demo and in tests, and its client registration at the provider.
import { randomBytes } from "node:crypto";
import { SETTINGS } from "@cloakroom/gateway/src/config/settings.ts";
import { findUnknownSettings } from "@cloakroom/gateway/src/config/unknown-settings.ts";

export const CLIENT_ID = "cloakroom";

export type GatewayAddress = { publicOrigin: string; port: number; managementPort: number };

type GatewayEnvOptions = GatewayAddress & {
  issuer: string;
  apiUrl: string;
  clientSecret: string;
  redisUrl: string | undefined;
  spaRoot: string | undefined;
};

export function gatewayEnv(options: GatewayEnvOptions): Record<string, string> {
  return {
    PUBLIC_ORIGIN: options.publicOrigin,
    HOST: "127.0.0.1",
    PORT: String(options.port),
    MANAGEMENT_HOST: "127.0.0.1",
    MANAGEMENT_PORT: String(options.managementPort),
    OIDC_ISSUER: options.issuer,
    OIDC_CLIENT_ID: CLIENT_ID,
    OIDC_CLIENT_SECRET: options.clientSecret,
    OIDC_SCOPE: "openid profile email",
    SECRET_KEYS: randomBytes(32).toString("base64url"),
    UPSTREAMS: `/api=${options.apiUrl}`,
    POST_LOGOUT_PATH: "/logged-out",
    // With the default of ten seconds, open event streams would delay Ctrl-C.
    DRAIN_SECONDS: "2",
    ...(options.redisUrl === undefined ? {} : { REDIS_URL: options.redisUrl }),
    ...(options.spaRoot === undefined ? {} : { SPA_ROOT: options.spaRoot }),
  };
}

export function clientRegistration(publicOrigin: string, clientSecret: string) {
  return {
    clientId: CLIENT_ID,
    clientSecret,
    clientName: "Cloakroom",
    redirectUris: [`${publicOrigin}/bff/callback`],
    postLogoutRedirectUris: [`${publicOrigin}/bff/logout/return`],
    backchannelLogoutUri: `${publicOrigin}/bff/backchannel-logout`,
  };
}

/** Settings that the launcher determines itself. */
const LAUNCHER_SETTINGS = new Set([
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
  // The embedded provider is on this machine.
  "HTTPS_PROXY",
  "HTTP_PROXY",
  "NO_PROXY",
]);

/** The gateway settings in an environment, for example LOG_LEVEL, without those that the launcher determines. */
export function pickGatewaySettings(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  // Includes misspelt settings, which the gateway reports, and NODE_ENV, since "production" requires Redis.
  const names = [
    ...Object.keys(SETTINGS).filter((name) => !LAUNCHER_SETTINGS.has(name)),
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
