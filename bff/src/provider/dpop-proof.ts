// DPoP proofs of requests to upstreams (RFC 9449 §4.2 and §7): one signature per request.
import { hash, randomBytes } from "node:crypto";
import { importJWK, SignJWT, type CryptoKey } from "jose";
import type { ProofKey } from "../lib/proof-key.ts";
import { createDpopNonces } from "./dpop-nonces.ts";
import { DPOP_ALG, publicJwk } from "./dpop.ts";

export type ProvenRequest = {
  key: ProofKey;
  accessToken: string;
  method: string;
  /** Scheme, host and port of the server that receives the request. */
  origin: string;
  /** Path and query of the request line. */
  target: string;
};

export type DpopProofs = {
  /** @returns the value of the header `DPoP` for one request; each call has its own `jti` */
  proofFor(request: ProvenRequest): Promise<string>;
  /** @param nonce value of the response header `DPoP-Nonce` */
  rememberNonce(origin: string, nonce: unknown): void;
};

type Signer = { privateKey: CryptoKey; header: { alg: string; typ: "dpop+jwt"; jwk: ReturnType<typeof publicJwk> } };

export function createDpopProofs(nowMs: () => number = Date.now): DpopProofs {
  const nonces = createDpopNonces();
  /** By the key object: the vault returns the same one as long as the session's record is unchanged. */
  const signers = new WeakMap<ProofKey, Promise<Signer>>();
  const signerOf = (key: ProofKey): Promise<Signer> => {
    const known = signers.get(key);
    if (known !== undefined) return known;
    const signer = importSigner(key);
    signers.set(key, signer);
    return signer;
  };
  return {
    async proofFor({ key, accessToken, method, origin, target }) {
      const { privateKey, header } = await signerOf(key);
      const nonce = nonces.of(origin);
      const claims = {
        jti: randomBytes(16).toString("base64url"),
        htm: method,
        htu: origin + pathOf(target),
        iat: Math.floor(nowMs() / 1000),
        ath: hash("sha256", accessToken, "base64url"),
        ...(nonce === undefined ? {} : { nonce }),
      };
      return new SignJWT(claims).setProtectedHeader(header).sign(privateKey);
    },
    rememberNonce: nonces.remember,
  };
}

async function importSigner(key: ProofKey): Promise<Signer> {
  const privateKey = (await importJWK(key, DPOP_ALG)) as CryptoKey;
  return { privateKey, header: { alg: DPOP_ALG, typ: "dpop+jwt", jwk: publicJwk(key) } };
}

/** RFC 9449 §4.2: `htu` has neither query nor fragment. */
function pathOf(target: string): string {
  const query = target.indexOf("?");
  return query === -1 ? target : target.slice(0, query);
}

const MAX_CHALLENGE_CHARS = 4_096;
const NONCE_CHALLENGE = /(?:^|,)\s*DPoP\s(?:.*,)?\s*error\s*=\s*"?use_dpop_nonce"?\s*(?:,|$)/i;

/** Whether a response asks for a proof with its `DPoP-Nonce` (RFC 9449 §9). The request was not processed. */
export function isNonceChallenge(status: number, challenge: string | string[] | undefined): boolean {
  if (status !== 401 || challenge === undefined) return false;
  const text = String(challenge);
  return text.length <= MAX_CHALLENGE_CHARS && NONCE_CHALLENGE.test(text);
}
