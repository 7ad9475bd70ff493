// Signing keys and JWT signatures.
import { generateKeyPair, randomUUID } from "node:crypto";
import { promisify } from "node:util";
import { importJWK, SignJWT } from "jose";
import type { JWK } from "oidc-provider";

export async function generateSigningKey(): Promise<JWK> {
  const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  return { ...(privateKey.export({ format: "jwk" }) as JWK), kid: randomUUID(), alg: "RS256", use: "sig" };
}

/** Leaves out members that are undefined, so that tests can forge tokens without them. */
export async function signJwt(
  key: JWK,
  claims: Record<string, unknown>,
  header: Record<string, unknown>,
): Promise<string> {
  return new SignJWT(withoutUndefined(claims))
    .setProtectedHeader(withoutUndefined({ alg: "RS256", kid: key.kid, ...header }) as { alg: string })
    .sign(await importJWK(key as Parameters<typeof importJWK>[0], "RS256"));
}

function withoutUndefined(members: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

export function logoutTokenClaims(issuer: string, claims: Record<string, unknown>): Record<string, unknown> {
  const nowSeconds = Math.floor(Date.now() / 1000);
  return {
    iss: issuer,
    iat: nowSeconds,
    exp: nowSeconds + 120,
    jti: randomUUID(),
    events: { "http://schemas.openid.net/event/backchannel-logout": {} },
    ...claims,
  };
}
