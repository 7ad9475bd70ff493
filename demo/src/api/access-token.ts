// Whether an access token is good: signature, issuer, audience, expiry and type, against the provider's keys.
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from "jose";

export type AccessTokenRules = {
  issuer: string;
  audience: string;
  /** Absent: taken from the issuer's discovery document. */
  jwksUrl?: string;
  /** Accepted `typ` headers: `at+jwt` (RFC 9068), `JWT` for Keycloak. */
  tokenTypes: readonly string[];
};

export type TokenVerdict =
  | { kind: "accepted"; claims: JWTPayload }
  | { kind: "refused"; reason: string }
  /** The keys cannot be fetched: nothing is known about the token. */
  | { kind: "unavailable" };

/** Fixed here, not read from the token: `alg: none` and HMAC with the public key as secret end here. */
const ALGORITHMS = ["RS256", "PS256", "ES256"];
const clockToleranceSeconds = 5;
const keysTimeoutMs = 5_000;
/** An unknown `kid` asks the provider again, at most this often. */
const keysCooldownMs = 2_000;

class KeysUnavailable extends Error {
  override readonly name = "KeysUnavailable";
}

export function accessTokenVerifier(rules: AccessTokenRules): (token: string) => Promise<TokenVerdict> {
  const getKey = providerKeys(rules);
  return async (token) => {
    try {
      const { payload, protectedHeader } = await jwtVerify(token, getKey, {
        issuer: rules.issuer,
        audience: rules.audience,
        algorithms: ALGORITHMS,
        clockTolerance: clockToleranceSeconds,
        requiredClaims: ["sub", "exp", "iat"],
      });
      const reason = typeFault(rules.tokenTypes, protectedHeader.typ, payload);
      return reason === undefined ? { kind: "accepted", claims: payload } : { kind: "refused", reason };
    } catch (error) {
      if (error instanceof KeysUnavailable) return { kind: "unavailable" };
      if (error instanceof errors.JOSEError) return { kind: "refused", reason: reasonOf(error) };
      // Foreign input that the library stumbles over in its own way is no access token either.
      return { kind: "refused", reason: "The token is malformed." };
    }
  };
}

function providerKeys({ issuer, jwksUrl }: AccessTokenRules): JWTVerifyGetKey {
  let remote: Promise<JWTVerifyGetKey> | undefined;
  const connect = async (): Promise<JWTVerifyGetKey> =>
    createRemoteJWKSet(new URL(jwksUrl ?? (await discoverJwksUrl(issuer))), {
      timeoutDuration: keysTimeoutMs,
      cooldownDuration: keysCooldownMs,
    });
  return async (header, token) => {
    try {
      remote ??= connect();
      // A failed discovery must not be remembered: the provider may only be late.
      const keys = await remote.catch((cause: unknown) => {
        remote = undefined;
        throw cause;
      });
      return await keys(header, token);
    } catch (cause) {
      if (cause instanceof errors.JWKSNoMatchingKey || cause instanceof errors.JWKSMultipleMatchingKeys) throw cause;
      throw new KeysUnavailable("the provider's keys cannot be fetched", { cause });
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
    throw new Error("the discovery document is not this issuer's");
  return document.jwks_uri;
}

/** Keeps ID, refresh and logout tokens out, which some providers sign with the same keys and the same header. */
function typeFault(accepted: readonly string[], typ: string | undefined, claims: JWTPayload): string | undefined {
  const type = (typ ?? "").toLowerCase().replace(/^application\//, "");
  if (!accepted.some((each) => each.toLowerCase() === type)) return "The token is not an access token.";
  // Keycloak says in the payload what it is: Bearer, ID, Refresh, Logout.
  if (typeof claims["typ"] === "string" && claims["typ"] !== "Bearer") return "The token is not an access token.";
  const looksLikeIdToken = "nonce" in claims || "at_hash" in claims || "events" in claims;
  return type !== "at+jwt" && looksLikeIdToken ? "The token is not an access token." : undefined;
}

function reasonOf(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return "The token has expired.";
  if (error instanceof errors.JWTClaimValidationFailed)
    return error.claim === "aud" ? "The token is for another audience." : `The token's ${error.claim} is not accepted.`;
  if (error instanceof errors.JWSSignatureVerificationFailed) return "The token's signature is wrong.";
  if (error instanceof errors.JWKSNoMatchingKey) return "The token is signed with an unknown key.";
  if (error instanceof errors.JOSEAlgNotAllowed) return "The token's signature algorithm is not accepted.";
  return "The token is malformed.";
}
