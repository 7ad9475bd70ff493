// Validation of JWT access tokens that clients bring (RFC 9068 §4, RFC 8725).
import { decodeJwt, decodeProtectedHeader, errors, type JWTPayload, type ProtectedHeaderParameters } from "jose";
import {
  accepted,
  confirmationOf,
  isAccessTokenTyp,
  isPlainJwtTyp,
  isSubject,
  kindError,
  originError,
  rejected,
  targetError,
  timeError,
  type BearerRules,
  type TokenVerdict,
} from "./bearer-claims.ts";
import type { VerifyToken } from "./provider-keys.ts";

export type JwtRules = BearerRules & {
  /** Never taken from the token: prevents `alg: none` and HMAC with the public key as secret (algorithm confusion). */
  algorithms: readonly string[];
  /** `optional` also accepts `JWT` and no `typ`, as long as no claim is that of another token. */
  typ: "required" | "optional";
};

/** Whether a token has the form of a signed JWT. Others are opaque: only the provider can tell what they are. */
export function isJwt(token: string): boolean {
  if (!/^[\w-]+\.[\w-]+\.[\w-]*$/.test(token)) return false;
  try {
    return typeof decodeProtectedHeader(token).alg === "string";
  } catch {
    return false;
  }
}

/**
 * Everything that needs no key is checked first, so that a token of another issuer, or one that has expired, causes no
 * request for keys. Keys in the token (`jwk`, `jku`, `x5u`, `x5c`) are ignored.
 * @throws GatewayError provider_unavailable if the keys cannot be fetched
 */
export async function verifyBearerJwt(
  jwt: string,
  verify: VerifyToken,
  { nowMs, ...rules }: JwtRules & { nowMs: number },
): Promise<TokenVerdict> {
  let header: ProtectedHeaderParameters;
  let claims: JWTPayload;
  try {
    header = decodeProtectedHeader(jwt);
    claims = decodeJwt(jwt);
  } catch {
    return rejected("it is not a JWT");
  }
  const problem = headerError(header, rules) ?? claimError(header, claims, rules) ?? timeError(claims, rules, nowMs);
  if (problem !== undefined) return rejected(problem);
  const confirmation = confirmationOf(claims);
  if ("fault" in confirmation) return rejected(confirmation.fault);
  try {
    await verify(jwt, {
      algorithms: [...rules.algorithms],
      clockTolerance: rules.clockSkewSeconds,
      currentDate: new Date(nowMs),
    });
  } catch (error) {
    if (error instanceof errors.JOSEError) return rejected(signatureError(error));
    throw error;
  }
  const { iss, sub, exp } = claims as { iss: string; sub: string; exp: number };
  return accepted({ claims, issuer: iss, subject: sub, jkt: confirmation.jkt, expiresAtMs: exp * 1000 });
}

function headerError({ alg, typ, crit }: ProtectedHeaderParameters, rules: JwtRules): string | undefined {
  if (typeof alg !== "string" || !rules.algorithms.includes(alg))
    return "its signature algorithm is not in bearer.algorithms";
  // No extension is supported (RFC 7515 §4.1.11), not even those that jose knows.
  if (crit !== undefined) return "its header has crit";
  if (isAccessTokenTyp(typ)) return undefined;
  if (!isPlainJwtTyp(typ)) return "its typ is that of another token type";
  if (rules.typ === "optional") return undefined;
  return `its typ is ${typ === undefined ? "missing" : "JWT"}, not at+jwt. Let the provider issue at+jwt (RFC 9068), or set bearer.typ to optional`;
}

function claimError(header: ProtectedHeaderParameters, claims: JWTPayload, rules: JwtRules): string | undefined {
  if (typeof claims.exp !== "number") return "exp is missing";
  if (!isSubject(claims.sub)) return "sub is missing, empty or too long";
  return (
    originError(claims, rules) ?? targetError(claims, rules) ?? kindError(claims, isAccessTokenTyp(header.typ), rules)
  );
}

function signatureError(error: errors.JOSEError): string {
  if (error instanceof errors.JWKSNoMatchingKey) return "it is signed with a key that the provider does not publish";
  if (error instanceof errors.JWKSMultipleMatchingKeys) return "it has no kid, and the provider publishes several keys";
  if (error instanceof errors.JWSSignatureVerificationFailed) return "its signature is wrong";
  return `its signature cannot be verified: ${error.code}`;
}
