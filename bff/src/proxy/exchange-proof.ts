// Proof of possession within one exchange (RFC 9449 §7 and §9): what is signed, and the error of a rejected nonce.
import { GatewayError } from "../errors.ts";
import type { DpopProofs, ProvenRequest } from "../provider/dpop-proof.ts";

export type ExchangeProof = Pick<ProvenRequest, "key" | "accessToken"> & {
  proofs: DpopProofs;
  /** @returns the whole body if it is short; undefined if the request cannot be repeated */
  bodyCopy: () => Buffer | undefined;
};

/** The one repetition of a request with the nonce that the upstream demanded (RFC 9449 §9). */
export class NonceRepeat {
  isUsed = false;
  /** Copy of the body that the request was first sent with. */
  body: Buffer | undefined = undefined;

  /** @returns whether the request can be sent again: it has no body, or a short one of which a copy exists */
  prepare({ bodyCopy }: ExchangeProof, hasBody: boolean): boolean {
    if (this.isUsed) return false;
    if (hasBody) {
      this.body = bodyCopy();
      if (this.body === undefined) return false;
    }
    this.isUsed = true;
    return true;
  }
}

/** @param isRepeated whether the request has already been repeated with the nonce of a rejection */
export function nonceError(isRepeated: boolean): GatewayError {
  if (isRepeated)
    return new GatewayError("upstream_unreachable", {
      reason: "the upstream rejected the DPoP nonce that it had just sent (use_dpop_nonce)",
    });
  // The nonce is remembered, so that the same request succeeds (I5).
  return new GatewayError("upstream_unavailable", {
    reason: "the upstream demands a new DPoP nonce, and the body of this request is too long to be repeated",
  });
}
