// Private keys that prove the possession of a token (DPoP, RFC 9449): P-256 for ES256, as JWK (RFC 7517).
import { createECDH, hash, randomBytes } from "node:crypto";

export type ProofKey = Readonly<{ kty: "EC"; crv: "P-256"; x: string; y: string; d: string }>;

const SCALAR_BYTES = 32;

export function newProofKey(): ProofKey {
  return proofKeyFrom(randomBytes(SCALAR_BYTES));
}

/**
 * Always the same key for the same secret, so that the key of a login attempt needs no storage.
 * @param secret 256 bits that are indistinguishable from random
 */
export function proofKeyFrom(secret: Buffer): ProofKey {
  const pair = createECDH("prime256v1");
  let scalar = secret;
  // FIPS 186-5 A.2.2 (rejection sampling): one in 2^32 secrets is no private key of the curve.
  for (;;) {
    try {
      pair.setPrivateKey(scalar);
      break;
    } catch {
      scalar = hash("sha256", scalar, "buffer");
    }
  }
  const point = pair.getPublicKey();
  const [x, y] = [point.subarray(1, 1 + SCALAR_BYTES), point.subarray(1 + SCALAR_BYTES)];
  return {
    ...{ kty: "EC", crv: "P-256" },
    ...{ x: x.toString("base64url"), y: y.toString("base64url"), d: scalar.toString("base64url") },
  };
}
