// Registered error codes of OAuth and OpenID Connect, and what the gateway makes of them (decision 0036).

export const REGISTERED = [
  // RFC 6749 §4.1.2.1, §4.2.2.1, §5.2
  ...["invalid_request", "unauthorized_client", "access_denied", "unsupported_response_type", "invalid_scope"],
  ...["server_error", "temporarily_unavailable", "invalid_client", "invalid_grant", "unsupported_grant_type"],
  // RFC 6750, RFC 7009, RFC 7591, RFC 8628
  ...["invalid_token", "insufficient_scope", "unsupported_token_type"],
  ...["invalid_redirect_uri", "invalid_client_metadata", "invalid_software_statement", "unapproved_software_statement"],
  ...["authorization_pending", "slow_down", "expired_token"],
  // OIDC Core 1.0 §3.1.2.6, unmet authentication requirements, Identity Assurance
  ...[
    "interaction_required",
    "login_required",
    "consent_required",
    "account_selection_required",
    "session_selection_required",
  ],
  ...["invalid_request_uri", "invalid_request_object", "request_not_supported", "request_uri_not_supported"],
  ...["registration_not_supported", "unmet_authentication_requirements"],
  // CIBA
  ...[
    "expired_login_hint_token",
    "unknown_user_id",
    "missing_user_code",
    "invalid_user_code",
    "invalid_binding_message",
  ],
  ...["transaction_failed", "unauthorized_user"],
  // UMA, RFC 8707, RFC 9396, RFC 9449, RFC 9470
  ...["need_info", "request_denied", "request_submitted", "invalid_target", "invalid_authorization_details"],
  ...["invalid_dpop_proof", "use_dpop_nonce", "insufficient_user_authentication"],
  // OpenID4VP, OpenID Federation, Entra ID and a code of no specification
  ...["vp_formats_not_supported", "invalid_request_uri_method", "invalid_transaction_data", "wallet_unavailable"],
  ...["invalid_issuer", "invalid_subject", "invalid_trust_anchor", "invalid_trust_chain", "invalid_metadata"],
  ...["not_found", "unsupported_parameter", "mfa_required", "hasOwnProperty", "__proto__", "toString"],
];

export const SETTINGS_OF_LOGIN: Readonly<Record<string, RegExp>> = {
  invalid_client: /OIDC_CLIENT_SECRET/,
  unauthorized_client: /authorization code flow/,
  unsupported_response_type: /authorization code flow/,
  unsupported_grant_type: /authorization code flow/,
  invalid_redirect_uri: /PUBLIC_ORIGIN/,
  invalid_scope: /OIDC_SCOPE/,
  invalid_target: /OIDC_RESOURCE/,
  invalid_request_uri: /OIDC_PAR/,
  request_uri_not_supported: /OIDC_PAR/,
  invalid_request_object: /signed authorization request/,
  request_not_supported: /signed authorization request/,
  invalid_authorization_details: /RFC 9396/,
  invalid_dpop_proof: /DPoP/,
  use_dpop_nonce: /DPoP/,
};
export const SETTINGS_OF_REFRESH: Readonly<Record<string, RegExp>> = {
  invalid_client: /OIDC_CLIENT_SECRET/,
  unauthorized_client: /refresh_token/,
  unsupported_grant_type: /refresh_token/,
  invalid_scope: /OIDC_SCOPE/,
  invalid_target: /OIDC_RESOURCE/,
  invalid_authorization_details: /RFC 9396/,
  invalid_dpop_proof: /DPoP/,
  use_dpop_nonce: /DPoP/,
};
export const TEMPORARY = ["temporarily_unavailable", "server_error", "slow_down"];
export const NEEDS_USER = ["interaction_required", "login_required", "consent_required", "account_selection_required"];
export const ENDS_SESSION = ["invalid_grant", "access_denied", ...NEEDS_USER];
