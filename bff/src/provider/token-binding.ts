// The key that an access token is bound to (`cnf`, RFC 7800 §3): RFC 9449 §6 (DPoP), RFC 8705 §3 (mutual TLS).
import type { SenderConstrained } from "../config/provider-settings.ts";
import { hash } from "node:crypto";
import type { ClientCertificate } from "../config/client-auth-settings.ts";
import type { ProofKey } from "../lib/proof-key.ts";
import { unverifiedClaims } from "./access-token.ts";
import { thumbprintOf } from "./dpop.ts";

/** `jkt`: RFC 9449 §6.1; `x5t#S256`: RFC 8705 §3.1. Other confirmation methods are not supported. */
export type BoundKey = Readonly<{ jkt?: unknown; "x5t#S256"?: unknown }>;

/** @returns undefined if the token is no JWT or has no such claim. The signature is not verified here. */
function boundKeyOf(accessToken: string): BoundKey | undefined {
  const cnf = unverifiedClaims(accessToken)?.["cnf"];
  return typeof cnf === "object" && cnf !== null && Object.keys(cnf).length > 0 ? cnf : undefined;
}

/**
 * Token types are case-insensitive (RFC 6749 §5.1).
 * @returns one sentence with the cure unless the token is of the kind that OIDC_SENDER_CONSTRAINED demands
 */
export function tokenBindingError(type: string, accessToken: string, demanded: SenderConstrained): string | undefined {
  const expected = demanded === "dpop" ? "dpop" : "bearer";
  if (type.toLowerCase() !== expected) return WRONG_TYPE[demanded];
  const key = boundKeyOf(accessToken);
  if (demanded === "off" && key !== undefined)
    return "its access token is bound to a key (cnf). Switch sender-constrained tokens (DPoP, mutual TLS) off for this client at the provider, or set OIDC_SENDER_CONSTRAINED";
  return undefined;
}

const WRONG_TYPE: Readonly<Record<SenderConstrained, string>> = {
  // The gateway has no key for a DPoP-bound token, and must not send it as a bearer token.
  off: "its token_type is not Bearer. Switch sender-constrained tokens (DPoP) off for this client at the provider, or set OIDC_SENDER_CONSTRAINED=dpop",
  // The key of a DPoP token is not the certificate, so the gateway could not use it.
  mtls: "its token_type is not Bearer. Switch DPoP off for this client at the provider, or set OIDC_SENDER_CONSTRAINED=dpop",
  dpop: "its token_type is not DPoP, although OIDC_SENDER_CONSTRAINED is dpop. Switch DPoP on for this client at the provider, or set OIDC_SENDER_CONSTRAINED=off",
};

/** @returns one sentence if an access token is bound to another key than ours, as far as the token shows it */
export type BindingError = (accessToken: string, proofKey: ProofKey | undefined) => Promise<string | undefined>;

type BindingDependencies = {
  demanded: SenderConstrained;
  certificate: { current(): Pick<ClientCertificate, "leaf"> } | undefined;
};

export function createBindingError({ demanded, certificate }: BindingDependencies): BindingError {
  return async function bindingError(accessToken, proofKey) {
    if (proofKey !== undefined) {
      const { jkt } = boundKeyOf(accessToken) ?? {};
      if (jkt === undefined || jkt === (await thumbprintOf(proofKey))) return undefined;
      return "its access token is bound to another DPoP key (cnf.jkt)";
    }
    if (demanded !== "mtls" || certificate === undefined) return undefined;
    // Only the token itself shows whether the provider binds it: its type is Bearer in any case (RFC 8705 §3).
    if (unverifiedClaims(accessToken) === undefined) return undefined;
    const thumbprint = boundKeyOf(accessToken)?.["x5t#S256"];
    if (thumbprint === hash("sha256", certificate.current().leaf.raw, "base64url")) return undefined;
    if (thumbprint !== undefined) return "its access token is bound to another certificate (cnf.x5t#S256)";
    return "its access token is not bound to a certificate (cnf.x5t#S256), although OIDC_SENDER_CONSTRAINED is mtls. Switch certificate-bound access tokens on for this client at the provider";
  };
}

/** For checks that need the keys, which provider-response.ts does not have. */
export function rejectedTokens(problem: string): string {
  return `the provider's token response was rejected: ${problem}`;
}
