// JWT access token validation (RFC 9068 §4): signature, issuer, audience, expiry and type.
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from "jose";

export type AccessTokenPolicy = {
  issuer: string;
  audience: string;
  /** Default: `jwks_uri` of the discovery document. */
  jwksUrl?: string;
  /** Accepted `typ` headers: `at+jwt` (RFC 9068), `JWT` for Keycloak. */
  tokenTypes: readonly string[];
};

export type TokenValidation =
  | { kind: "accepted"; claims: JWTPayload }
  | { kind: "rejected"; reason: string }
  /** The provider's keys cannot be fetched, so the token cannot be validated. */
  | { kind: "unavailable" };

/** Never taken from the token: prevents `alg: none` and HMAC with the public key as secret (algorithm confusion). */
const ALGORITHMS = ["RS256", "PS256", "ES256"];
const clockToleranceSeconds = 5;
const keysTimeoutMs = 5_000;
/** At most one fetch of the keys per interval because of an unknown `kid`. */
const keysCooldownMs = 2_000;

class KeysUnavailableError extends Error {
  override readonly name = "KeysUnavailableError";
}

export function createAccessTokenValidator(policy: AccessTokenPolicy): (token: string) => Promise<TokenValidation> {
  const getKey = createKeyLookup(policy);
  return async (token) => {
    try {
      const { payload, protectedHeader } = await jwtVerify(token, getKey, {
        issuer: policy.issuer,
        audience: policy.audience,
        algorithms: ALGORITHMS,
        clockTolerance: clockToleranceSeconds,
        requiredClaims: ["sub", "exp", "iat"],
      });
      const reason = findTypeError(policy.tokenTypes, protectedHeader.typ, payload);
      return reason === undefined ? { kind: "accepted", claims: payload } : { kind: "rejected", reason };
    } catch (error) {
      if (error instanceof KeysUnavailableError) return { kind: "unavailable" };
      if (error instanceof errors.JOSEError) return { kind: "rejected", reason: describeError(error) };
      // Malformed input can make the library throw errors of other classes.
      return { kind: "rejected", reason: "The token is malformed." };
    }
  };
}

/** Discovers the JWKS URL on first use; a failed discovery is retried by the next token. */
function createKeyLookup({ issuer, jwksUrl }: AccessTokenPolicy): JWTVerifyGetKey {
  let remote: Promise<JWTVerifyGetKey> | undefined;
  const connect = async (): Promise<JWTVerifyGetKey> =>
    createRemoteJWKSet(new URL(jwksUrl ?? (await discoverJwksUrl(issuer))), {
      timeoutDuration: keysTimeoutMs,
      cooldownDuration: keysCooldownMs,
    });
  return async (header, token) => {
    try {
      remote ??= connect();
      const keys = await remote.catch((cause: unknown) => {
        remote = undefined;
        throw cause;
      });
      return await keys(header, token);
    } catch (cause) {
      if (cause instanceof errors.JWKSNoMatchingKey || cause instanceof errors.JWKSMultipleMatchingKeys) throw cause;
      throw new KeysUnavailableError("the provider's keys cannot be fetched", { cause });
    }
  };
}

async function discoverJwksUrl(issuer: string): Promise<string> {
  const response = await fetch(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, {
    redirect: "error",
    signal: AbortSignal.timeout(keysTimeoutMs),
  });
  const document = (await response.json()) as { issuer?: unknown; jwks_uri?: unknown };
  if (document.issuer !== issuer || typeof document.jwks_uri !== "string")
    throw new Error("the discovery document has another issuer or no jwks_uri");
  return document.jwks_uri;
}

/** Rejects ID, refresh and logout tokens: some providers sign them with the same keys and the same `typ` header. */
function findTypeError(accepted: readonly string[], typ: string | undefined, claims: JWTPayload): string | undefined {
  const type = (typ ?? "").toLowerCase().replace(/^application\//, "");
  if (!accepted.some((each) => each.toLowerCase() === type)) return "The token is not an access token.";
  // Keycloak's `typ` claim is Bearer, DPoP, ID, Refresh or Logout.
  if (typeof claims["typ"] === "string" && !["Bearer", "DPoP"].includes(claims["typ"]))
    return "The token is not an access token.";
  const looksLikeIdToken = "nonce" in claims || "at_hash" in claims || "events" in claims;
  return type !== "at+jwt" && looksLikeIdToken ? "The token is not an access token." : undefined;
}

function describeError(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return "The token has expired.";
  if (error instanceof errors.JWTClaimValidationFailed)
    return error.claim === "aud" ? "The token is for another audience." : `The token's ${error.claim} is not accepted.`;
  if (error instanceof errors.JWSSignatureVerificationFailed) return "The token's signature is wrong.";
  if (error instanceof errors.JWKSNoMatchingKey) return "The token is signed with an unknown key.";
  if (error instanceof errors.JOSEAlgNotAllowed) return "The token's signature algorithm is not accepted.";
  return "The token is malformed.";
}
