// Classification of errors of the provider: one table by endpoint and OAuth error code, and what each failed call means.
import * as oidc from "openid-client";
import { GatewayError } from "../errors.ts";
import { causesOf, neverSentCode } from "../lib/network-errors.ts";
import type { RefreshOutcome } from "../tokens/refresh.ts";
import { OversizedResponseError, UnusableTokensError } from "./provider-response.ts";

/**
 * OAuth error codes with a meaning of their own, by endpoint (RFC 6749 §4.1.2.1 and §5.2, OIDC Core 1.0 §3.1.2.6,
 * RFC 8693 §2.2.2). Every other code of the authorization endpoint fails the login; at the token endpoint the refresh
 * token is kept below status 500, and its state is unknown from 500.
 */
const OAUTH_ERRORS = {
  authorization: {
    // Responses to `prompt=none`: the user is not logged in at the provider.
    login_required: "not-logged-in",
    interaction_required: "not-logged-in",
    consent_required: "not-logged-in",
    account_selection_required: "not-logged-in",
    temporarily_unavailable: "unavailable",
    server_error: "unavailable",
  },
  refresh: { invalid_grant: "rejected" },
  tokenExchange: { access_denied: "forbidden" },
} as const;

type Endpoint = keyof typeof OAUTH_ERRORS;
type Meaning = "not-logged-in" | "unavailable" | "rejected" | "forbidden";

/** @returns undefined for a code without an entry in the table */
export function meaningOf(endpoint: Endpoint, code: string): Meaning | undefined {
  const codes: Readonly<Record<string, Meaning>> = OAUTH_ERRORS[endpoint];
  return Object.hasOwn(codes, code) ? codes[code] : undefined;
}

const CLIENT =
  "the provider refuses OIDC_CLIENT_ID with this OIDC_CLIENT_SECRET. Copy both from the client's registration there";
const FLOW =
  "the client of OIDC_CLIENT_ID may not use the authorization code flow. Switch it on there (Keycloak: Standard flow)";

/** Parameters of our configuration. The others come from the link to /bff/login. */
const PARAMETERS = {
  redirect_uri:
    "the provider does not know our redirect URI. Register PUBLIC_ORIGIN followed by /bff/callback for the client of OIDC_CLIENT_ID, letter by letter",
  scope:
    "the provider does not give this client what OIDC_SCOPE asks for. Shorten it, or add the scope to the client there",
  resource: "the provider has nothing of the name in OIDC_RESOURCE. Correct it or unset it",
} as const;

/** RFC 9449 §5 and §8. openid-client has already repeated the request with the nonce. */
const DPOP = {
  use_dpop_nonce:
    "the provider refused the DPoP nonce that it had just sent (use_dpop_nonce). Check that no proxy in front of it removes or caches the header DPoP-Nonce",
  invalid_dpop_proof:
    "the provider refused the DPoP proof (invalid_dpop_proof). Synchronize the clocks by NTP, and let the provider know its public URL, which the proof names",
} as const;

const REQUEST_OBJECT =
  "the provider refuses the signed authorization request (OIDC_SIGNED_REQUEST). Register the public key of OIDC_CLIENT_KEY_FILE there (/bff/jwks.json), allow its algorithm, or set OIDC_SIGNED_REQUEST=off";

/** Codes that name a wrong setting, at every endpoint. */
const SETTING_ERRORS: Readonly<Record<string, string>> = {
  invalid_client: CLIENT,
  unauthorized_client: FLOW,
  invalid_redirect_uri: PARAMETERS.redirect_uri,
  invalid_scope: PARAMETERS.scope,
  invalid_target: PARAMETERS.resource,
  // OIDC Core 1.0 §3.1.2.6, RFC 9101 §7.
  invalid_request_object: REQUEST_OBJECT,
  request_not_supported: REQUEST_OBJECT,
};

/** @returns one sentence with the setting and the cure, undefined if the error is not about a setting */
export function settingError(error: unknown): string | undefined {
  const dpop = dpopErrorCode(error);
  if (dpop !== undefined) return DPOP[dpop];
  // RFC 6749 §5.2: status 401 means client authentication, whatever the code is. Keycloak sends `invalid_request`.
  if (isRefusedClient(error)) return CLIENT;
  if (!(error instanceof oidc.ResponseBodyError) || error.status >= 500) return undefined;
  const byCode = SETTING_ERRORS[error.error];
  if (byCode !== undefined || error.error !== "invalid_request") return byCode;
  // RFC 9126 §2.3 defines no code for these: only the description names the parameter.
  const description = error.error_description ?? "";
  const named = Object.entries(PARAMETERS).find(([name]) => new RegExp(`\\b${name}\\b`).test(description));
  return named?.[1];
}

function dpopErrorCode(error: unknown): keyof typeof DPOP | undefined {
  const codes =
    error instanceof oidc.WWWAuthenticateChallengeError
      ? error.cause.map(({ parameters }) => parameters.error)
      : [error instanceof oidc.ResponseBodyError ? error.error : undefined];
  return (["use_dpop_nonce", "invalid_dpop_proof"] as const).find((code) => codes.includes(code));
}

export function isRefusedClient(error: unknown): boolean {
  return (
    (error instanceof oidc.ResponseBodyError || error instanceof oidc.WWWAuthenticateChallengeError) &&
    error.status === 401
  );
}

const TIMESTAMP_REFUSED = "OAUTH_JWT_TIMESTAMP_CHECK_FAILED";

/** What a failed refresh means for the refresh token. */
export function refreshError(error: unknown): RefreshOutcome {
  if (error instanceof oidc.ResponseBodyError) {
    if (meaningOf("refresh", error.error) === "rejected") return { kind: "rejected", reason: error.error };
    if (error.status < 500) return { kind: "unspent", reason: settingError(error) ?? wordOf(error.error) };
  }
  const refused = refusedResponse(error);
  if (refused instanceof UnusableTokensError)
    return { kind: "unusable", reason: refused.message, refreshToken: refused.refreshToken };
  // Client authentication failed (WWW-Authenticate): the provider did not process the grant.
  if (isRefusedClient(error)) return { kind: "unspent", reason: settingError(error) ?? errorName(error) };
  if (isForeignIdToken(error)) return { kind: "rejected", reason: `ID token refused: ${error.code}` };
  // Discovery or client authentication failed, before the token request.
  const own = gatewayErrorOf(error);
  if (own !== undefined) return { kind: "unspent", reason: own.reason ?? own.code };
  const unsent = neverSentCode(error);
  if (unsent !== undefined) return { kind: "unspent", reason: unsent };
  return { kind: "unknown", reason: errorName(error) };
}

/** @returns our own error before a request was sent, which openid-client wraps */
function gatewayErrorOf(error: unknown): GatewayError | undefined {
  for (let current = error; current instanceof Error; current = current.cause)
    if (current instanceof GatewayError) return current;
  return undefined;
}

/** @returns the gateway's own rejection of a response, which openid-client and jose wrap */
export function refusedResponse(error: unknown): OversizedResponseError | UnusableTokensError | undefined {
  for (const each of causesOf(error))
    if (each instanceof OversizedResponseError || each instanceof UnusableTokensError) return each;
  return undefined;
}

/** Whether the error is a response of a working provider. The circuit breaker counts every other error. */
export function isProviderResponse(error: unknown): boolean {
  const isRefusal = error instanceof oidc.ResponseBodyError && error.status < 500;
  return isRefusal || isRefusedClient(error) || isForeignIdToken(error);
}

/** The provider renewed the tokens, with an ID token of another issuer or client. */
function isForeignIdToken(error: unknown): error is oidc.ClientError {
  return error instanceof oidc.ClientError && /^OAUTH_JWT_CLAIM/.test(error.code ?? "");
}

/** @throws GatewayError provider_unavailable */
export function throwUnavailable(error: unknown): never {
  const own = gatewayErrorOf(error);
  if (own !== undefined) throw own;
  const reason =
    settingError(error) ??
    (error instanceof oidc.ResponseBodyError ? `provider error: ${wordOf(error.error)}` : errorName(error));
  throw new GatewayError("provider_unavailable", { cause: error, reason });
}

/**
 * @param clockError set if the clocks differ: a better reason for a rejected timestamp than the claim's name
 * @throws GatewayError login_failed if the same login would fail again, otherwise provider_unavailable
 */
export function throwLoginError(error: unknown, clockError?: string): never {
  const own = gatewayErrorOf(error);
  if (own !== undefined) throw own;
  if (error instanceof oidc.AuthorizationResponseError)
    throw new GatewayError("login_failed", { cause: error, reason: `provider error: ${wordOf(error.error)}` });
  const refused = refusedResponse(error);
  if (refused instanceof OversizedResponseError) throwUnavailable(error);
  // Not 503: a retry would fail in the same way.
  const setting = settingError(error) ?? refused?.message;
  if (setting !== undefined) throw new GatewayError("login_failed", { cause: error, reason: setting });
  if (error instanceof oidc.ResponseBodyError && error.status < 500)
    throw new GatewayError("login_failed", { cause: error, reason: `token endpoint error: ${wordOf(error.error)}` });
  const code = error instanceof oidc.ClientError ? (error.code ?? "") : "";
  if (
    error instanceof oidc.ClientError &&
    !/TIMEOUT|RESPONSE_IS_NOT_CONFORM|RESPONSE_IS_NOT_JSON|PARSE_ERROR/.test(code)
  ) {
    const why = code === TIMESTAMP_REFUSED ? (clockError ?? code) : code;
    throw new GatewayError("login_failed", { cause: error, reason: `login response refused: ${why}` });
  }
  throwUnavailable(error);
}

/** @returns `iat` of an ID token whose timestamps were rejected */
export function issuedAtOf(error: unknown): unknown {
  if (!(error instanceof oidc.ClientError) || error.code !== TIMESTAMP_REFUSED) return undefined;
  const details = error.cause instanceof Error ? error.cause.cause : undefined;
  return (details as { claims?: { iat?: unknown } } | undefined)?.claims?.iat;
}

function errorName(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  const refused = refusedResponse(error);
  if (refused !== undefined) return refused.message;
  const { code } = error as { code?: unknown };
  const cause = error.cause instanceof Error && "code" in error.cause ? String(error.cause.code) : "";
  return [error.name, typeof code === "string" ? code : "", cause].filter((part) => part !== "").join(" ");
}

/** For the log: an error code in the shape of the specification. Other texts of a provider may contain a secret. */
export function wordOf(error: string): string {
  return /^[a-z_]{1,64}$/.test(error) ? error : "an unknown error";
}
