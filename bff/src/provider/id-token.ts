// Validation of ID tokens (OIDC Core 1.0 §3.1.3.7, at a refresh also §12.2).
import { hash } from "node:crypto";
import { errors, type JWTPayload } from "jose";
import { GatewayError } from "../errors.ts";
import { CLOCK_TOLERANCE_SECONDS, type ClockSkew } from "./clock-skew.ts";
import { issuerError, issuerOption, tenantError, type Issuers } from "./issuers.ts";
import type { VerifyToken } from "./provider-keys.ts";

export type IdTokenClaims = JWTPayload & { iss: string; sub: string; iat: number };

/** Claims that only the protocol needs. They are not shown to the app; `sid` would help to forge a logout. */
export const PROTOCOL_CLAIMS: ReadonlySet<string> = new Set([
  "iss",
  "aud",
  "exp",
  "iat",
  "nbf",
  "jti",
  "nonce",
  "azp",
  "sid",
  "session_state",
  "at_hash",
  "c_hash",
  "s_hash",
  "auth_time",
  "acr",
  "amr",
  "typ",
  "events",
  "cnf",
  // Aggregated and distributed claims (OIDC Core 1.0 §5.6.2) are not read. Their sources may contain an access token (I1).
  "_claim_names",
  "_claim_sources",
  // Prototype pollution in a page that copies the claims by assignment.
  "__proto__",
]);

export type IdTokenRules = Issuers & {
  clientId: string;
  /** OIDC_AUDIENCES. */
  audiences: readonly string[];
  alg: string;
  accessToken: string;
  /** At a refresh: user of the session. */
  expectedUser?: { issuer: string; subject: string };
  nowSeconds: number;
  clock: ClockSkew;
};

/** @throws GatewayError login_failed with the reason; provider_unavailable if the keys cannot be fetched */
export async function verifyIdToken(jwt: string, verify: VerifyToken, rules: IdTokenRules): Promise<IdTokenClaims> {
  let claims: JWTPayload;
  try {
    claims = await verify(jwt, {
      ...issuerOption(rules),
      audience: rules.clientId,
      // Our setting, never the provider's list, which may contain `none`.
      algorithms: [rules.alg],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      requiredClaims: ["iss", "sub", "aud", "exp", "iat"],
    });
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    // jose throws these errors after it has verified the signature, so `iat` is authentic.
    if (error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed)
      rules.clock.observe(error.payload["iat"]);
    const code = error instanceof errors.JOSEError ? error.code : "unreadable";
    throw new GatewayError("login_failed", { cause: error, reason: `ID token rejected: ${code}` });
  }
  rules.clock.observe(claims.iat);
  if (typeof claims.iat !== "number" || claims.iat > rules.nowSeconds + CLOCK_TOLERANCE_SECONDS) {
    const cause = new errors.JWTClaimValidationFailed("iat is in the future", claims, "iat", "check_failed");
    const reason = `ID token rejected: ${rules.clock.error() ?? "iat is in the future"}`;
    throw new GatewayError("login_failed", { cause, reason });
  }
  const problem = claimError(claims, rules);
  if (problem !== undefined) throw new GatewayError("login_failed", { reason: `ID token rejected: ${problem}` });
  return claims as IdTokenClaims;
}

/** Whether the validation failed for a temporary reason: clock skew, or a new key that is not published everywhere yet. */
export function isTransient({ cause }: GatewayError): boolean {
  if (cause instanceof errors.JWTExpired || cause instanceof errors.JWKSNoMatchingKey) return true;
  return cause instanceof errors.JWTClaimValidationFailed && ["iat", "nbf", "exp"].includes(cause.claim);
}

function claimError(claims: JWTPayload, rules: IdTokenRules): string | undefined {
  const { iss, sub, aud, azp, at_hash: atHash } = claims as Record<string, unknown>;
  const foreign = issuerError(iss, rules);
  if (foreign !== undefined) return `iss names ${foreign}`;
  const tenantProblem = tenantError(claims, rules);
  if (tenantProblem !== undefined) return tenantProblem;
  if (typeof sub !== "string" || sub === "" || sub.length > 255) return "sub is missing, empty or too long";
  const audiences: unknown[] = Array.isArray(aud) ? aud : [aud];
  const other = audiences.find((audience) => audience !== rules.clientId && !isTrusted(audience, rules));
  if (other !== undefined) return `aud names ${nameOf(other)}, which is not in OIDC_AUDIENCES`;
  if (azp === undefined && audiences.length > 1) return "aud names several audiences, and azp is missing";
  if (azp !== undefined && azp !== rules.clientId) return "azp is another client";
  if (atHash !== undefined && atHash !== leftHash(rules.accessToken, rules.alg))
    return "at_hash does not match the access token";
  const { expectedUser } = rules;
  if (expectedUser === undefined) return undefined;
  if (iss !== expectedUser.issuer) return "iss is not the issuer of the session";
  return sub === expectedUser.subject ? undefined : "sub is another user";
}

/** OIDC Core 1.0 §3.1.3.7 item 3: an audience that the client does not trust. */
function isTrusted(audience: unknown, { audiences }: IdTokenRules): boolean {
  return typeof audience === "string" && audiences.includes(audience);
}

function nameOf(audience: unknown): string {
  return typeof audience === "string" && /^[\w.:/@-]{1,128}$/.test(audience) ? audience : "an audience";
}

/** at_hash: the left half of the hash with the algorithm of `alg` (OIDC Core 1.0 §3.1.3.6). */
function leftHash(accessToken: string, alg: string): string {
  const bits = alg === "EdDSA" ? "512" : alg.slice(2);
  const digest = hash(`sha${bits}`, accessToken, "buffer");
  return digest.subarray(0, digest.length / 2).toString("base64url");
}
