// Which setting a refusal of the provider speaks of, in one sentence with the cure.
import * as oidc from "openid-client";

const CLIENT =
  "the provider refuses OIDC_CLIENT_ID with this OIDC_CLIENT_SECRET. Copy both from the client's registration there";
const FLOW =
  "the client of OIDC_CLIENT_ID may not use the authorization code flow. Switch it on there (Keycloak: Standard flow)";

/** Parameters that we are to blame for; the others come with a link and are the browser's. */
const PARAMETERS = {
  redirect_uri:
    "the provider does not know our redirect URI. Register PUBLIC_ORIGIN followed by /bff/callback for the client of OIDC_CLIENT_ID, letter by letter",
  scope:
    "the provider does not give this client what OIDC_SCOPE asks for. Shorten it, or add the scope to the client there",
  resource: "the provider has nothing of the name in OIDC_RESOURCE. Correct it or unset it",
} as const;

const CODES: Readonly<Record<string, string>> = {
  invalid_client: CLIENT,
  unauthorized_client: FLOW,
  invalid_redirect_uri: PARAMETERS.redirect_uri,
  invalid_scope: PARAMETERS.scope,
  invalid_target: PARAMETERS.resource,
};

/** @returns undefined where it says nothing about our settings. */
export function settingFault(error: unknown): string | undefined {
  // RFC 6749 §5.2: 401 is about the client, whatever the code says. Keycloak's is `invalid_request`.
  if (isRefusedClient(error)) return CLIENT;
  if (!(error instanceof oidc.ResponseBodyError) || error.status >= 500) return undefined;
  const byCode = CODES[error.error];
  if (byCode !== undefined || error.error !== "invalid_request") return byCode;
  // RFC 9126 §2.3 has no code of its own for these; the parameter's name in the description is all that there is.
  const description = error.error_description ?? "";
  const named = Object.entries(PARAMETERS).find(([name]) => new RegExp(`\\b${name}\\b`).test(description));
  return named?.[1];
}

export function isRefusedClient(error: unknown): boolean {
  return (
    (error instanceof oidc.ResponseBodyError || error instanceof oidc.WWWAuthenticateChallengeError) &&
    error.status === 401
  );
}
