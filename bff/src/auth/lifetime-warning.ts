// What only a login shows: lifetimes of the provider that our own settings cannot keep to. Said once for each.
import type { Log } from "../logging/log.ts";
import type { TokenLife } from "../store/store.ts";
import type { TokenGrant } from "../tokens/token-set.ts";

type Parts = { sessionIdleMs: number; log: Pick<Log, "warn"> };

export function createLifetimeWarning({ sessionIdleMs, log }: Parts) {
  const said = new Set<string>();
  const sayOnce = (message: string, lifeMs: number): void => {
    if (said.has(message)) return;
    said.add(message);
    log.warn(message, { seconds: Math.round(lifeMs / 1000) });
  };
  return function warnOfLifetime({ refreshToken }: TokenGrant, life: TokenLife): void {
    if (typeof life !== "number" || life >= sessionIdleMs) return;
    sayOnce(
      refreshToken === undefined
        ? "the provider gives no refresh token: sessions end with the access token, after so many seconds. Allow refresh tokens for OIDC_CLIENT_ID there"
        : "the provider's refresh tokens run out before SESSION_IDLE_SECONDS: an unused session ends after so many seconds. Raise their lifetime there (Keycloak: SSO Session Idle) or lower SESSION_IDLE_SECONDS",
      life,
    );
  };
}
