// Sentences of /readyz and the log about a setting that the provider rejects, each with its cure.
import type { ClientAuthMethod } from "../config/client-auth-settings.ts";

const SECRET =
  "the provider rejects OIDC_CLIENT_ID with this OIDC_CLIENT_SECRET. Copy both from the client's registration there; if it names another method, set OIDC_CLIENT_AUTH";

const OF_METHOD: Readonly<Record<ClientAuthMethod, string>> = {
  client_secret_basic: SECRET,
  client_secret_post: SECRET,
  client_secret_jwt: `${SECRET}, or allow client_secret_jwt with HS256`,
  private_key_jwt:
    "the provider rejects OIDC_CLIENT_ID with an assertion signed by OIDC_CLIENT_KEY_FILE. Register its public key there (/bff/jwks.json), allow its algorithm (OIDC_CLIENT_ALG), and synchronize the clocks by NTP",
  tls_client_auth:
    "the provider rejects OIDC_CLIENT_ID with the certificate of OIDC_CLIENT_CERT_FILE. Register the subject of the certificate there, and let the provider trust its CA",
  self_signed_tls_client_auth:
    "the provider rejects OIDC_CLIENT_ID with the certificate of OIDC_CLIENT_CERT_FILE. Register the certificate there (/bff/jwks.json)",
  assertion_file:
    "the provider rejects OIDC_CLIENT_ID with the assertion of OIDC_CLIENT_ASSERTION_FILE. Compare its iss, sub and aud with the client's registration there, and check that it has not expired",
};

/** @param method undefined: a secret, by the provider's metadata */
export function rejectedClient(method: ClientAuthMethod = "client_secret_basic"): string {
  return OF_METHOD[method];
}

export const FLOW =
  "the client of OIDC_CLIENT_ID may not use the authorization code flow. Switch it on there (Keycloak: Standard flow)";
export const REFRESH =
  "the client of OIDC_CLIENT_ID may not use refresh tokens. Allow the grant type refresh_token there";
export const REVOCATION =
  "the client of OIDC_CLIENT_ID may not revoke its tokens. Allow it there; logouts work without it";
export const INTROSPECTION =
  "the client of OIDC_CLIENT_ID may not introspect tokens. Allow it there, or remove bearer.introspection from the row";
export const REDIRECT_URI =
  "the provider does not know our redirect URI. Register PUBLIC_ORIGIN followed by /bff/callback for the client of OIDC_CLIENT_ID, exactly";
export const SCOPE =
  "the provider does not grant this client every scope of OIDC_SCOPE. Remove the scope, or allow it for the client there";
export const RESOURCE = "the provider does not know the resource of OIDC_RESOURCE. Correct or unset it";
export const PUSHED_REQUEST =
  "the provider does not accept the request_uri of its own pushed authorization response. Correct the provider, or set OIDC_PAR=off";
export const SIGNED_REQUEST =
  "the provider rejects the signed authorization request (OIDC_SIGNED_REQUEST). Register the public key of OIDC_CLIENT_KEY_FILE there (/bff/jwks.json), allow its algorithm, or set OIDC_SIGNED_REQUEST=off";
export const SIGNED_REQUEST_REQUIRED =
  "the provider requires signed authorization requests (RFC 9101). Set OIDC_SIGNED_REQUEST=on and OIDC_CLIENT_KEY_FILE";
export const DETAILS =
  "the provider demands or rejects authorization_details (RFC 9396) for the client of OIDC_CLIENT_ID. Correct the client's registration there";
/** RFC 9449 §5 and §8. openid-client has already repeated the request with the nonce. */
export const DPOP_NONCE =
  "the provider rejected the DPoP nonce that it had just sent (use_dpop_nonce). Check that no proxy in front of it removes or caches the header DPoP-Nonce";
export const DPOP_PROOF =
  "the provider rejected the DPoP proof (invalid_dpop_proof). Synchronize the clocks by NTP, and let the provider know its public URL, which the proof names";
export const DPOP_REQUIRED =
  "the provider demands DPoP proofs of the client of OIDC_CLIENT_ID. Set OIDC_SENDER_CONSTRAINED=dpop, or switch bound tokens off there";
export const USERINFO =
  "the provider's userinfo endpoint rejects the access token. Add the scope that it requires to OIDC_SCOPE";
