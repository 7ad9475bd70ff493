// Claims that an ID token only refers to (aggregated and distributed claims, OIDC Core 1.0 §5.6.2). Entra ID sends groups so
// if the user is in more than fit into a token ("group overage").
import type { ProviderConfig } from "../config/config.ts";
import { valueAt, type ClaimPath } from "../lib/claim-path.ts";
import type { Log } from "../logging/log.ts";
import { createThrottledLog } from "../logging/throttled-log.ts";

/** The condition concerns many users, each at every login and refresh. */
const LOG_EVERY_MS = 60_000;

type Claims = Readonly<Record<string, unknown>>;

/** Logs the cure if roles are missing from the claims of a session for this reason. @returns the claims */
export type WarnMissingClaims = <Given extends Claims>(claims: Given) => Given;

type Dependencies = { config: Pick<ProviderConfig, "rolePaths">; log: Pick<Log, "warn"> };

/** At most one line per minute. */
export function createMissingClaimsWarning({ config, log }: Dependencies): WarnMissingClaims {
  const throttled = createThrottledLog(LOG_EVERY_MS);
  return function warnMissingClaims(claims) {
    const path = config.rolePaths.find((each) => isReference(claims, each));
    if (path === undefined) return claims;
    throttled(() =>
      log.warn("roles missing: the ID token only refers to the claim that contains them", {
        reason: `${path.claim ?? path.names.join(" ")} (OIDC_ROLES_CLAIM) is an aggregated or distributed claim, which the gateway does not read. At Entra ID the user is in too many groups: use app roles, or emit only the groups that are assigned to the application`,
      }),
    );
    return claims;
  };
}

function isReference(claims: Claims, path: ClaimPath): boolean {
  const value = valueAt(claims, path);
  if (value !== undefined && value !== null) return false;
  const references = claims["_claim_names"];
  return [path.claim, path.names[0]].some(
    (name) =>
      name !== undefined &&
      ((typeof references === "object" && references !== null && Object.hasOwn(references, name)) ||
        // Entra ID sends this in place of `_claim_names` where the token would be part of a URL.
        (name === "groups" && String(claims["hasgroups"]) === "true")),
  );
}
