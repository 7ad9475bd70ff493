// Claims of an access token that is a JWT (RFC 9068). The signature is not verified here: the API does that. Opaque tokens
// have no claims.

/** @returns undefined unless the token has the form of a signed JWT with an object as payload */
export function unverifiedClaims(accessToken: string): Readonly<Record<string, unknown>> | undefined {
  const [, payload, signature] = accessToken.split(".", 3);
  if (payload === undefined || signature === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString());
    return typeof claims === "object" && claims !== null ? (claims as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** One year: longer than any session, and safe from overflow in the store. */
export const MAX_LIFETIME_SECONDS = 365 * 86_400;

/** @returns seconds until `exp`, at most a year; undefined without a valid `exp` at least one second ahead */
export function ownLifetime(accessToken: string, nowSeconds: number): number | undefined {
  const exp = unverifiedClaims(accessToken)?.["exp"];
  if (typeof exp !== "number" || !(exp - nowSeconds >= 1)) return undefined;
  return Math.min(exp - nowSeconds, MAX_LIFETIME_SECONDS);
}
