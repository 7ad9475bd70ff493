// Warns once per process if the provider's token lifetimes are shorter than SESSION_IDLE_SECONDS. Only a login shows them.
import type { Log } from "../logging/log.ts";
import type { TokenLife } from "../store/store.ts";
import type { TokenGrant } from "../tokens/token-set.ts";

type Dependencies = { sessionIdleMs: number; log: Pick<Log, "warn"> };

export function createLifetimeWarning({ sessionIdleMs, log }: Dependencies) {
  const logged = new Set<string>();
  const warnOnce = (message: string, lifeMs: number): void => {
    if (logged.has(message)) return;
    logged.add(message);
    log.warn(message, { seconds: Math.round(lifeMs / 1000) });
  };
  return function warnOfLifetime({ refreshToken }: TokenGrant, life: TokenLife): void {
    if (typeof life !== "number" || life >= sessionIdleMs) return;
    warnOnce(
      refreshToken === undefined
        ? "provider issues no refresh token, sessions end with the access token: allow refresh tokens for OIDC_CLIENT_ID"
        : "refresh token expires before SESSION_IDLE_SECONDS: raise its lifetime (Keycloak: SSO Session Idle) or lower the setting",
      life,
    );
  };
}
