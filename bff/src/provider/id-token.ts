// What an ID token must say before we believe it: OIDC Core 1.0 §3.1.3.7 and §12.2, completely.
import { hash } from "node:crypto";
import { errors, type JWTPayload } from "jose";
import { GatewayError } from "../errors.ts";
import { CLOCK_TOLERANCE_SECONDS, type ClockDifference } from "./clock-skew.ts";
import type { VerifyToken } from "./provider-keys.ts";

export type IdTokenClaims = JWTPayload & { iss: string; sub: string; iat: number };

export type IdTokenRules = {
  issuer: string;
  clientId: string;
  alg: string;
  accessToken: string;
  /** At a refresh: the user that the session belongs to. */
  expectedSubject?: string;
  nowSeconds: number;
  clock: ClockDifference;
};

/** @throws GatewayError login_failed with the reason; provider_unavailable where the keys cannot be fetched. */
export async function verifyIdToken(jwt: string, verify: VerifyToken, rules: IdTokenRules): Promise<IdTokenClaims> {
  let claims: JWTPayload;
  try {
    claims = await verify(jwt, {
      issuer: rules.issuer,
      audience: rules.clientId,
      // Ours, never the provider's list: that one may offer `none`.
      algorithms: [rules.alg],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      requiredClaims: ["iss", "sub", "aud", "exp", "iat"],
    });
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    // Its signature was good, or these would not have been looked at.
    if (error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed)
      rules.clock.observe(error.payload["iat"]);
    const code = error instanceof errors.JOSEError ? error.code : "unreadable";
    throw new GatewayError("login_failed", { cause: error, reason: `ID token refused: ${code}` });
  }
  rules.clock.observe(claims.iat);
  if (typeof claims.iat !== "number" || claims.iat > rules.nowSeconds + CLOCK_TOLERANCE_SECONDS) {
    const cause = new errors.JWTClaimValidationFailed("iat lies in the future", claims, "iat", "check_failed");
    const reason = `ID token refused: ${rules.clock.fault() ?? "iat lies in the future"}`;
    throw new GatewayError("login_failed", { cause, reason });
  }
  const fault = claimFault(claims, rules);
  if (fault !== undefined) throw new GatewayError("login_failed", { reason: `ID token refused: ${fault}` });
  return claims as IdTokenClaims;
}

/** A refusal that says nothing about the user: clocks differ, or a new key is not published everywhere yet. */
export function isLag({ cause }: GatewayError): boolean {
  if (cause instanceof errors.JWTExpired || cause instanceof errors.JWKSNoMatchingKey) return true;
  return cause instanceof errors.JWTClaimValidationFailed && ["iat", "nbf", "exp"].includes(cause.claim);
}

function claimFault(claims: JWTPayload, rules: IdTokenRules): string | undefined {
  const { sub, aud, azp, at_hash: atHash } = claims as Record<string, unknown>;
  if (typeof sub !== "string" || sub === "" || sub.length > 255) return "sub is empty";
  const audiences = Array.isArray(aud) ? aud : [aud];
  if (audiences.some((audience) => audience !== rules.clientId)) return "aud names an audience that we do not know";
  if (azp !== undefined && azp !== rules.clientId) return "azp is another client";
  if (atHash !== undefined && atHash !== leftHash(rules.accessToken, rules.alg))
    return "at_hash belongs to another access token";
  if (rules.expectedSubject !== undefined && sub !== rules.expectedSubject) return "sub is another user";
  return undefined;
}

/** The left half of the hash that goes with the algorithm (OIDC Core 1.0 §3.1.3.6). */
function leftHash(accessToken: string, alg: string): string {
  const bits = alg === "EdDSA" ? "512" : alg.slice(2);
  const digest = hash(`sha${bits}`, accessToken, "buffer");
  return digest.subarray(0, digest.length / 2).toString("base64url");
}
