// Whether the user or client of a request has the permission and the authentication that its row requires. One function for
// sessions and for access tokens that clients bring.
import type { UpstreamConfig } from "../config/config.ts";
import type { ClaimRule } from "../config/permission-rules.ts";
import { GatewayError } from "../errors.ts";
import { valueAt } from "../lib/claim-path.ts";
import { stepUpParameters, stepUpUrl } from "./step-up.ts";

type Claims = Readonly<Record<string, unknown>>;

/** What a session or an access token says about its user. */
export type Holder = {
  roles: readonly string[];
  scopes: readonly string[];
  /** Claims about the user and the authentication. Called only for rows with rules about them. */
  claims: () => Claims;
};

/** A later `auth_time` is in another unit or of a wrong clock, and would never be too old. */
const MAX_SECONDS_AHEAD = 300;

/** @throws GatewayError forbidden | step_up_required */
export function requirePermission(holder: Holder, row: UpstreamConfig, nowMs: () => number): void {
  const { requiredRoles, requiredScopes, requiredClaims, requiredAcr, maxAuthenticationAgeSeconds } = row;
  if (requiredRoles.length > 0 && !requiredRoles.some((role) => holder.roles.includes(role)))
    throw new GatewayError("forbidden", { reason: "none of requiredRoles" });
  if (!requiredScopes.every((scope) => holder.scopes.includes(scope)))
    throw new GatewayError("forbidden", { reason: "one of requiredScopes is missing" });
  if (requiredClaims.length === 0 && requiredAcr.length === 0 && maxAuthenticationAgeSeconds === undefined) return;
  const claims = holder.claims();
  const unmet = requiredClaims.findIndex((rule) => !isMet(rule, claims));
  if (unmet !== -1) throw new GatewayError("forbidden", { reason: `rule ${unmet + 1} of requiredClaims is not met` });
  // After the permissions: a stronger login would not replace a missing one.
  const weakness = acrProblem(claims, requiredAcr) ?? ageProblem(claims, maxAuthenticationAgeSeconds, nowMs() / 1000);
  if (weakness !== undefined)
    throw new GatewayError("step_up_required", { reason: weakness, loginUrl: stepUpUrl(stepUpParameters(row)) });
}

/** Values are equal only with the same type: `true` is not `"true"`. */
function isMet({ path, values }: ClaimRule, claims: Claims): boolean {
  const found = valueAt(claims, path);
  const candidates: readonly unknown[] = Array.isArray(found) ? found : [found];
  return candidates.some((each) => (values as ReadonlySet<unknown>).has(each));
}

function acrProblem({ acr }: Claims, accepted: readonly string[]): string | undefined {
  if (accepted.length === 0 || (typeof acr === "string" && accepted.includes(acr))) return undefined;
  return "acr is none of requiredAcr";
}

/** @throws GatewayError forbidden for a time in the future: no login corrects it */
function ageProblem(
  { auth_time: authTime }: Claims,
  maxSeconds: number | undefined,
  nowSeconds: number,
): string | undefined {
  if (maxSeconds === undefined) return undefined;
  if (typeof authTime !== "number" || !Number.isFinite(authTime)) return "auth_time is missing";
  const age = nowSeconds - authTime;
  if (age < -MAX_SECONDS_AHEAD)
    throw new GatewayError("forbidden", { reason: "auth_time is in the future: correct the clock of the provider" });
  return age > maxSeconds ? "auth_time is older than maxAuthenticationAgeSeconds" : undefined;
}
