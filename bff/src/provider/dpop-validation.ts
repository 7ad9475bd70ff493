// Validation of the DPoP proofs that clients send with their access tokens (RFC 9449 §4.3, §7.1), with replay detection.
import { hash } from "node:crypto";
import { calculateJwkThumbprint, EmbeddedJWK, errors, jwtVerify, type JWTVerifyResult } from "jose";
import { BEARER_ALGORITHMS } from "../config/bearer-row.ts";

/** Longer than any proof with an RSA key of 4096 bits: longer keys cost time to verify. */
const MAX_PROOF_CHARS = 4_096;
const MAX_JTI_CHARS = 512;
/** Accepted age of a proof. Its time is that of the client. */
export const MAX_PROOF_AGE_SECONDS = 60;

export type PresentedProof = {
  /** Value of the header `DPoP`; Node joins several headers with commas, which no proof contains. */
  proof: string | undefined;
  method: string;
  /** Public origin and path of the request, without query. */
  url: string;
  accessToken: string;
  /** `cnf.jkt` of the access token. */
  jkt: string;
};

export type ProofVerdict = { kind: "accepted" } | { kind: "rejected"; reason: string };

export type DpopValidation = {
  /** @throws GatewayError store_unavailable if a replay cannot be detected */
  verify(presented: PresentedProof): Promise<ProofVerdict>;
};

type Options = {
  clockSkewSeconds: number;
  /** Marks a one-time value as used, for all instances. @returns false if it already was */
  markUsed: (hash: string, ttlMs: number) => Promise<boolean>;
  now?: () => number;
};

const rejected = (reason: string): ProofVerdict => ({ kind: "rejected", reason });

export function createDpopValidation({ clockSkewSeconds, markUsed, now = Date.now }: Options): DpopValidation {
  /** Past its own time and the clock skew on both sides, a proof is rejected by its `iat`. */
  const replayMs = (MAX_PROOF_AGE_SECONDS + 2 * clockSkewSeconds) * 1000 + 1_000;
  return {
    async verify(presented) {
      const { proof, jkt } = presented;
      if (proof === undefined) return rejected("the request has no DPoP proof");
      if (proof.length > MAX_PROOF_CHARS) return rejected("the DPoP proof is too long");
      let verified: JWTVerifyResult;
      try {
        verified = await jwtVerify(proof, EmbeddedJWK, {
          typ: "dpop+jwt",
          algorithms: [...BEARER_ALGORITHMS],
          clockTolerance: clockSkewSeconds,
          currentDate: new Date(now()),
          requiredClaims: ["jti", "htm", "htu", "iat", "ath"],
        });
      } catch (error) {
        return rejected(`the DPoP proof is invalid: ${error instanceof errors.JOSEError ? error.code : "malformed"}`);
      }
      const { payload, protectedHeader } = verified;
      if (protectedHeader.crit !== undefined) return rejected("the header of the DPoP proof has crit");
      const problem = claimError(payload, presented, { nowSeconds: now() / 1000, clockSkewSeconds });
      if (problem !== undefined) return rejected(problem);
      if ((await calculateJwkThumbprint(protectedHeader.jwk ?? {})) !== jkt)
        return rejected("the DPoP proof is of another key than the access token");
      // Last, so that only valid proofs are stored.
      const isNew = await markUsed(hash("sha256", `${jkt} ${String(payload.jti)}`, "base64url"), replayMs);
      return isNew ? { kind: "accepted" } : rejected("the DPoP proof was already used");
    },
  };
}

function claimError(
  { jti, htm, htu, iat, ath }: JWTVerifyResult["payload"],
  { method, url, accessToken }: PresentedProof,
  { nowSeconds, clockSkewSeconds }: { nowSeconds: number; clockSkewSeconds: number },
): string | undefined {
  if (typeof jti !== "string" || jti === "" || jti.length > MAX_JTI_CHARS)
    return "jti of the DPoP proof is empty, too long or no text";
  if (htm !== method) return "htm of the DPoP proof is another method";
  if (typeof htu !== "string" || normalizedUrl(htu) !== normalizedUrl(url))
    return "htu of the DPoP proof is another URL than the public one of this request";
  if (typeof iat !== "number" || !Number.isFinite(iat)) return "iat of the DPoP proof is not a number";
  if (iat > nowSeconds + clockSkewSeconds) return "iat of the DPoP proof is in the future";
  if (iat < nowSeconds - MAX_PROOF_AGE_SECONDS - clockSkewSeconds) return "the DPoP proof is too old";
  if (ath !== hash("sha256", accessToken, "base64url")) return "ath of the DPoP proof is of another access token";
  return undefined;
}

/**
 * Without query and fragment, in the normal form of RFC 3986 §6.2.2 and §6.2.3 (RFC 9449 §4.3).
 * @returns undefined for a text that is no absolute URL
 */
function normalizedUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, host, pathname, username, password } = new URL(text);
  if (username !== "" || password !== "") return undefined;
  return `${protocol}//${host}${normalizedEscapes(pathname)}`;
}

function normalizedEscapes(path: string): string {
  return path.replace(/%[0-9a-f]{2}/gi, (escape) => {
    const char = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return /[\w.~-]/.test(char) ? char : escape.toUpperCase();
  });
}
