// Proof of possession within one exchange (RFC 9449 §7 and §9): what is signed, and how nonce refusals end.
import { GatewayError } from "../errors.ts";
import type { DpopProofs, ProvenRequest } from "../provider/dpop-proof.ts";

export type ExchangeProof = Pick<ProvenRequest, "key" | "accessToken"> & {
  proofs: DpopProofs;
  /** @returns the whole body if it was short; undefined: the request cannot be repeated */
  bodyCopy: () => Buffer | undefined;
};

/** @param isRepeated whether the request has already been repeated with the nonce of a refusal */
export function nonceError(isRepeated: boolean): GatewayError {
  if (isRepeated)
    return new GatewayError("upstream_unreachable", {
      reason: "the upstream refused the DPoP nonce that it had just given (use_dpop_nonce)",
    });
  // The nonce is remembered, so that the same request succeeds (I5).
  return new GatewayError("upstream_unavailable", {
    reason: "the upstream demands a new DPoP nonce, and the body of this request is too long to be repeated",
  });
}
