// Verification of DPoP proofs by a resource server (RFC 9449 §4.3, §7 and §9), with replay detection and nonces.
import { hash, randomBytes } from "node:crypto";
import { calculateJwkThumbprint, EmbeddedJWK, errors, jwtVerify } from "jose";

export type ProvenCall = {
  /** Value of the header `DPoP`; undefined if it is missing. */
  proof: string | undefined;
  method: string;
  /** The requested URL, without query. */
  url: string;
  accessToken: string;
  /** `cnf.jkt` of the access token. */
  jkt: unknown;
};

export type ProofVerdict =
  | { kind: "accepted" }
  | { kind: "rejected"; error: "invalid_dpop_proof" | "use_dpop_nonce" | "invalid_token"; reason: string };

export type DpopVerifier = {
  verify(call: ProvenCall): Promise<ProofVerdict>;
  /** For the header `DPoP-Nonce` of responses; undefined if no nonce is required. */
  nonce(): string | undefined;
  /** Replaces the nonce: proofs with the old one are rejected. */
  rotateNonce(): void;
};

const ALGORITHMS = ["ES256", "PS256", "EdDSA"];
/** Accepted age of a proof, and its lead, in seconds. */
const MAX_AGE_SECONDS = 60;

export function createDpopVerifier({ requireNonce = false }: { requireNonce?: boolean } = {}): DpopVerifier {
  /** Identifiers of accepted proofs, by the time at which the proof expires. */
  const seen = new Map<string, number>();
  let nonce = requireNonce ? newNonce() : undefined;

  const isReplay = (jti: string): boolean => {
    const nowMs = Date.now();
    for (const [known, expiresAtMs] of seen) if (expiresAtMs < nowMs) seen.delete(known);
    if (seen.has(jti)) return true;
    seen.set(jti, nowMs + 2 * MAX_AGE_SECONDS * 1000);
    return false;
  };
  return {
    async verify({ proof, method, url, accessToken, jkt }) {
      if (proof === undefined) return rejected("the request has no proof");
      if (typeof jkt !== "string") return rejected("the access token is not bound to a key", "invalid_token");
      try {
        const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
          typ: "dpop+jwt",
          algorithms: ALGORITHMS,
          requiredClaims: ["jti", "htm", "htu", "iat", "ath"],
        });
        const { jti, htm, htu, iat = 0, ath } = payload;
        if (htm !== method) return rejected("htm is another method");
        if (htu !== url) return rejected("htu is another URL");
        if (Math.abs(Date.now() / 1000 - iat) > MAX_AGE_SECONDS) return rejected("iat is not recent");
        if (ath !== hash("sha256", accessToken, "base64url")) return rejected("ath is of another access token");
        if (jkt !== (await calculateJwkThumbprint(protectedHeader.jwk ?? {})))
          return rejected("the access token is bound to another key", "invalid_token");
        if (nonce !== undefined && payload["nonce"] !== nonce)
          return rejected("the proof needs the current nonce", "use_dpop_nonce");
        return isReplay(String(jti)) ? rejected("the proof was already used") : { kind: "accepted" };
      } catch (error) {
        return rejected(error instanceof errors.JOSEError ? error.code : "the proof is malformed");
      }
    },
    nonce: () => nonce,
    rotateNonce() {
      nonce = newNonce();
    },
  };
}

function rejected(
  reason: string,
  error: "invalid_dpop_proof" | "use_dpop_nonce" | "invalid_token" = "invalid_dpop_proof",
): ProofVerdict {
  return { kind: "rejected", error, reason };
}

function newNonce(): string {
  return randomBytes(16).toString("base64url");
}
