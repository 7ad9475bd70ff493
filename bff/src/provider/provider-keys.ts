// Verification of JWT signatures with the provider's keys. openid-client does not verify the ID token's signature in the
// code flow, and its key cache cannot follow a key rotation within a minute.
import { setTimeout as sleep } from "node:timers/promises";
import { createRemoteJWKSet, customFetch, decodeProtectedHeader, errors, jwtVerify } from "jose";
import type { JWK, JWTPayload, JWTVerifyOptions } from "jose";
import { GatewayError } from "../errors.ts";
import { rejectedResponse } from "./provider-errors.ts";
import type { ProviderFetch } from "./provider-fetch.ts";

/** At most one fetch of the key set per this time, also under a flood of unknown key ids. */
const COOLDOWN_MS = 5_000;
const MAX_AGE_MS = 3_600_000;
/** At most this many tokens wait for the next fetch, because any client can send one with an invented key id. */
const MAX_WAITING = 32;

/** At most this many keys are tried per signature. */
const MAX_CANDIDATES = 16;

/** Throws jose's JOSEError for an invalid token, GatewayError provider_unavailable without keys. */
export type VerifyToken = (jwt: string, options: JWTVerifyOptions) => Promise<JWTPayload>;

export type HasKeyOf = (jwt: string) => boolean;

export type TokenVerifiers = {
  /** For tokens of the provider. */
  verify: VerifyToken;
  /**
   * For tokens that clients bring: the same keys, with another limit on waiting tokens. Otherwise tokens with invented key
   * ids could fail logins.
   */
  verifyBearer: VerifyToken;
  /** Whether the key of a token is in memory, so that its verification needs no request. */
  hasKeyOf: HasKeyOf;
};

export type KeySetOptions = {
  fetch: ProviderFetch;
  timeoutMs: number;
  /** Whether a key with this member `issuer` may sign tokens of `iss`. Undefined: the member is not read. */
  isKeyOf?: (keyIssuer: string, iss: unknown) => boolean;
};

/** One cache of the key set for all functions. */
export function createTokenVerifiers(jwksUri: string, options: KeySetOptions): TokenVerifiers {
  const keys = createRemoteJWKSet(new URL(jwksUri), {
    cooldownDuration: COOLDOWN_MS,
    cacheMaxAge: MAX_AGE_MS,
    timeoutDuration: options.timeoutMs,
    [customFetch]: options.fetch,
  });
  const verifySignature = async (jwt: string, rules: JWTVerifyOptions) => {
    try {
      return (await jwtVerify(jwt, keys, rules)).payload;
    } catch (error) {
      if (error instanceof errors.JWKSMultipleMatchingKeys && decodeProtectedHeader(jwt).kid !== undefined)
        return verifyWithAny(error, jwt, rules);
      if (isBadToken(error)) throw error;
      const rejected = rejectedResponse(error);
      const reason = `the provider's keys cannot be fetched${rejected === undefined ? "" : `: ${rejected.message}`}`;
      throw new GatewayError("provider_unavailable", { cause: error, reason });
    }
  };
  const verify = async (jwt: string, rules: JWTVerifyOptions) => {
    const payload = await verifySignature(jwt, rules);
    const { isKeyOf } = options;
    if (isKeyOf === undefined) return payload;
    const { kid } = decodeProtectedHeader(jwt);
    const isAllowed = ({ kid: keyId, issuer }: JWK & { issuer?: unknown }) =>
      keyId === kid && (typeof issuer !== "string" || isKeyOf(issuer, payload.iss));
    if (keys.jwks()?.keys.some(isAllowed) === true) return payload;
    throw new errors.JWTClaimValidationFailed("the key is of another issuer", payload, "iss", "check_failed");
  };
  const isCoolingDown = () => keys.coolingDown;
  const hasKeyOf = (jwt: string): boolean => {
    if (!keys.fresh) return false;
    const { kid } = decodeProtectedHeader(jwt);
    return kid === undefined || keys.jwks()?.keys.some((key) => key.kid === kid) === true;
  };
  return { verify: withWaiting(verify, isCoolingDown), verifyBearer: withWaiting(verify, isCoolingDown), hasKeyOf };
}

/** Repeats a verification after the cool-down of the key set, for at most MAX_WAITING tokens at a time. */
function withWaiting(verify: VerifyToken, isCoolingDown: () => boolean): VerifyToken {
  let waiting = 0;
  return async function verifyToken(jwt, rules) {
    try {
      return await verify(jwt, rules);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !isCoolingDown()) throw error;
      if (waiting >= MAX_WAITING)
        throw new GatewayError("provider_unavailable", { cause: error, reason: "too many tokens with unknown keys" });
      // The keys were rotated right after the last fetch: wait for the next one.
      waiting += 1;
      await sleep(COOLDOWN_MS + 100).finally(() => (waiting -= 1));
      return verify(jwt, rules);
    }
  };
}

/**
 * Tries all keys of one kid. A provider that publishes several keys under one kid must not end sessions at their refresh
 * (I5). A token without a kid is rejected while several keys match (OpenID conformance,
 * oidcc-client-test-kid-absent-multiple-jwks).
 */
async function verifyWithAny(
  keys: errors.JWKSMultipleMatchingKeys,
  jwt: string,
  rules: JWTVerifyOptions,
): Promise<JWTPayload> {
  let tried = 0;
  for await (const key of keys) {
    if (++tried > MAX_CANDIDATES) break;
    try {
      return (await jwtVerify(jwt, key, rules)).payload;
    } catch (error) {
      // Any other error concerns this key, not the token.
      if (error instanceof errors.JOSEError && !(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
    }
  }
  throw new errors.JWSSignatureVerificationFailed();
}

function isBadToken(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return false;
  return !(
    error instanceof errors.JWKSTimeout ||
    error instanceof errors.JWKSInvalid ||
    error.code === "ERR_JOSE_GENERIC"
  );
}
