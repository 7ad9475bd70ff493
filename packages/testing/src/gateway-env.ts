// The gateway's environment in the demo and in tests, and its client registration at the provider.
import { randomBytes } from "node:crypto";

export const CLIENT_ID = "cloakroom";

export type GatewayAddress = { publicOrigin: string; port: number; managementPort: number };

type GatewayEnvOptions = GatewayAddress & {
  issuer: string;
  /** Without an API: no upstream. */
  apiUrl: string | undefined;
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
    ...(options.apiUrl === undefined ? {} : { UPSTREAMS: `/api=${options.apiUrl}` }),
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
