// Sentences of /readyz and the log about a setting that the provider refuses, each with its cure.

export const CLIENT =
  "the provider refuses OIDC_CLIENT_ID with this OIDC_CLIENT_SECRET. Copy both from the client's registration there; with another method than a secret, compare OIDC_CLIENT_AUTH and its key or certificate with the registration";
export const FLOW =
  "the client of OIDC_CLIENT_ID may not use the authorization code flow. Switch it on there (Keycloak: Standard flow)";
export const REFRESH =
  "the client of OIDC_CLIENT_ID may not use refresh tokens. Allow the grant type refresh_token there";
export const REVOCATION =
  "the client of OIDC_CLIENT_ID may not revoke its tokens. Allow it there; logouts work without it";
export const REDIRECT_URI =
  "the provider does not know our redirect URI. Register PUBLIC_ORIGIN followed by /bff/callback for the client of OIDC_CLIENT_ID, letter by letter";
export const SCOPE =
  "the provider does not give this client what OIDC_SCOPE asks for. Shorten it, or add the scope to the client there";
export const RESOURCE = "the provider has nothing of the name in OIDC_RESOURCE. Correct it or unset it";
export const PUSHED_REQUEST =
  "the provider does not accept the request_uri of its own pushed authorization response. Correct it there, or set OIDC_PAR=off";
export const SIGNED_REQUEST =
  "the provider refuses the signed authorization request (OIDC_SIGNED_REQUEST). Register the public key of OIDC_CLIENT_KEY_FILE there (/bff/jwks.json), allow its algorithm, or set OIDC_SIGNED_REQUEST=off";
export const SIGNED_REQUEST_REQUIRED =
  "the provider requires signed authorization requests (RFC 9101). Set OIDC_SIGNED_REQUEST=on and OIDC_CLIENT_KEY_FILE";
export const DETAILS =
  "the provider demands or refuses authorization_details (RFC 9396) for the client of OIDC_CLIENT_ID. Correct the client's registration there";
/** RFC 9449 §5 and §8. openid-client has already repeated the request with the nonce. */
export const DPOP_NONCE =
  "the provider refused the DPoP nonce that it had just sent (use_dpop_nonce). Check that no proxy in front of it removes or caches the header DPoP-Nonce";
export const DPOP_PROOF =
  "the provider refused the DPoP proof (invalid_dpop_proof). Synchronize the clocks by NTP, and let the provider know its public URL, which the proof names";
export const DPOP_REQUIRED =
  "the provider demands DPoP proofs of the client of OIDC_CLIENT_ID. Set OIDC_SENDER_CONSTRAINED=dpop, or switch bound tokens off there";
export const USERINFO =
  "the provider's userinfo endpoint refuses the access token. Compare OIDC_SCOPE with what the endpoint needs";
