// The gateway settings in the environment of npm start and npm run dev.
import { SETTINGS } from "@cloakroom/gateway/src/config/settings.ts";
import { findUnknownSettings } from "@cloakroom/gateway/src/config/unknown-settings.ts";

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
