// Whether the user or client of a request has the permission that its row requires. One function for sessions and for access
// tokens that clients bring.
import type { UpstreamConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";

/** What a session or an access token says about its user. */
export type Holder = { roles: readonly string[]; scopes: readonly string[] };

/** @throws GatewayError forbidden */
export function requirePermission({ roles, scopes }: Holder, { requiredRoles, requiredScopes }: UpstreamConfig): void {
  if (requiredRoles.length > 0 && !requiredRoles.some((role) => roles.includes(role)))
    throw new GatewayError("forbidden", { reason: "none of requiredRoles" });
  if (!requiredScopes.every((scope) => scopes.includes(scope)))
    throw new GatewayError("forbidden", { reason: "one of requiredScopes is missing" });
}
