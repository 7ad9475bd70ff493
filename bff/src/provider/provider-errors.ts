// Errors of the provider: one table by endpoint and code, and what each failed call means (decision 0036).
import * as oidc from "openid-client";
import type { ClientAuthMethod } from "../config/client-auth-settings.ts";
import { GatewayError } from "../errors.ts";
import { causesOf, neverSentCode } from "../lib/network-errors.ts";
import type { RefreshOutcome } from "../tokens/refresh-outcomes.ts";
import { OversizedResponseError, UnusableTokensError } from "./provider-response.ts";
import * as sentences from "./setting-sentences.ts";

export type Endpoint =
  | "authorization"
  | "pushed"
  | "code"
  | "refresh"
  | "tokenExchange"
  | "client"
  | "revocation"
  | "introspection"
  | "userinfo";

/**
 * - `new-login`: the user must log in again. At a refresh the session ends; a response to `prompt=none` ends nothing.
 * - `restart`: the login starts again, at most once per attempt.
 * - `temporary`: 503. Only where the same request can succeed later.
 * - `configuration`: a sentence in /readyz and the log. A login fails (400), a session stays.
 * - `denied`: the user or a policy rejects this login (400).
 * - `step-up`: the requested strength of the login cannot be reached (403).
 * - `forbidden`: the user may not have this token (403).
 * - `rejected`: every other code. A login fails (400), a session stays, a logout continues.
 */
export type Outcome =
  | "new-login"
  | "restart"
  | "temporary"
  | "configuration"
  | "denied"
  | "step-up"
  | "forbidden"
  | "rejected";

export type Row = {
  outcome: Outcome;
  /** For `configuration`: the setting and the cure. */
  sentence?: string;
  /** The provider rejects the client authentication: the sentence is that of its method. */
  isClient?: true;
  /** The row applies only with this description, which the provider documents in place of a code of its own. */
  description?: RegExp;
};

type Codes = Readonly<Record<string, readonly Row[]>>;

const rows = (outcome: Outcome, ...codes: string[]): Codes =>
  Object.fromEntries(codes.map((code) => [code, [{ outcome }]]));
const setting = (sentence: string, ...codes: string[]): Codes =>
  Object.fromEntries(codes.map((code) => [code, [{ outcome: "configuration", sentence }]]));
const described = (description: RegExp, row: Row): Row => ({ ...row, description });

const REJECTED: Row = { outcome: "rejected" };
const TEMPORARY_ROW: Row = { outcome: "temporary" };
const CLIENT_ROW: Row = { outcome: "configuration", isClient: true };
const CLIENT: Codes = { invalid_client: [CLIENT_ROW] };

/** OIDC Core 1.0 §3.1.2.6: the provider requires an interaction of the user. */
const NEEDS_USER = ["login_required", "interaction_required", "consent_required", "account_selection_required"];

/** RFC 9126 §2.3 and RFC 9449 §5 define no code for these: only the description names what is wrong or missing. */
const OUR_PARAMETERS: readonly Row[] = [
  described(/\bredirect_uri\b/, { outcome: "configuration", sentence: sentences.REDIRECT_URI }),
  described(/\bscope\b/, { outcome: "configuration", sentence: sentences.SCOPE }),
  described(/\bresource\b/, { outcome: "configuration", sentence: sentences.RESOURCE }),
  described(/\bDPoP proof is missing\b/i, { outcome: "configuration", sentence: sentences.DPOP_REQUIRED }),
];

const TEMPORARY = rows("temporary", "temporarily_unavailable", "server_error", "slow_down");

const OF_REQUEST: Codes = {
  ...TEMPORARY,
  ...CLIENT,
  ...setting(sentences.SCOPE, "invalid_scope"),
  ...setting(sentences.RESOURCE, "invalid_target"),
  ...setting(sentences.DETAILS, "invalid_authorization_details"),
  ...setting(sentences.DPOP_PROOF, "invalid_dpop_proof"),
  ...setting(sentences.DPOP_NONCE, "use_dpop_nonce"),
};

const OF_LOGIN: Codes = {
  ...OF_REQUEST,
  ...setting(sentences.FLOW, "unauthorized_client", "unsupported_response_type", "unsupported_grant_type"),
  ...setting(sentences.REDIRECT_URI, "invalid_redirect_uri"),
  ...setting(sentences.PUSHED_REQUEST, "invalid_request_uri", "request_uri_not_supported"),
  ...setting(sentences.SIGNED_REQUEST, "invalid_request_object", "request_not_supported"),
  ...rows("denied", "access_denied"),
  ...rows("new-login", ...NEEDS_USER),
  ...rows("step-up", "unmet_authentication_requirements"),
};

/** Codes without a row are `rejected`. */
const PROVIDER_ERRORS: Readonly<Record<Endpoint, Codes>> = {
  authorization: {
    ...OF_LOGIN,
    // Keycloak: a client profile demands a request object, which the pushed request lacks.
    invalid_request: [
      described(/'request'/, { outcome: "configuration", sentence: sentences.SIGNED_REQUEST_REQUIRED }),
    ],
    temporarily_unavailable: [
      // Keycloak: the login page has expired. Not an outage.
      described(/^authentication_expired$/, { outcome: "restart" }),
      { outcome: "temporary" },
    ],
  },
  pushed: { ...OF_LOGIN, invalid_request: OUR_PARAMETERS },
  code: { ...OF_LOGIN, invalid_request: OUR_PARAMETERS },
  refresh: {
    ...OF_REQUEST,
    ...setting(sentences.REFRESH, "unauthorized_client", "unsupported_grant_type"),
    invalid_request: OUR_PARAMETERS,
    ...rows("new-login", "invalid_grant", "access_denied", ...NEEDS_USER),
  },
  tokenExchange: {
    ...TEMPORARY,
    ...rows("forbidden", "access_denied"),
    ...CLIENT,
  },
  client: { ...TEMPORARY, ...CLIENT },
  revocation: {
    ...TEMPORARY,
    ...CLIENT,
    ...setting(sentences.REVOCATION, "unauthorized_client"),
  },
  introspection: {
    ...TEMPORARY,
    ...CLIENT,
    ...setting(sentences.INTROSPECTION, "unauthorized_client", "access_denied", "insufficient_scope"),
  },
  userinfo: {
    ...TEMPORARY,
    ...setting(sentences.USERINFO, "insufficient_scope"),
    ...setting(sentences.DPOP_PROOF, "invalid_dpop_proof"),
    ...setting(sentences.DPOP_NONCE, "use_dpop_nonce"),
  },
};

export type ProviderFailure = { code: string; description?: string | undefined; status?: number | undefined };

/**
 * Codes that do not name the user or the grant with status 401, which means client authentication (RFC 6749 §5.2): Keycloak
 * sends `invalid_request` and `unauthorized_client`, Auth0 `access_denied`.
 */
const OF_CLIENT_AT_401: ReadonlySet<string> = new Set(["access_denied", "unauthorized_client", "invalid_request"]);

/**
 * @param method of the client authentication, which the sentence of a rejected client names
 * @returns the row of the table
 */
export function rowOf(endpoint: Endpoint, failure: ProviderFailure, method?: ClientAuthMethod): Row {
  const row = listedRow(endpoint, failure);
  return row.isClient === true ? { ...row, sentence: sentences.rejectedClient(method) } : row;
}

function listedRow(endpoint: Endpoint, { code, description = "", status = 400 }: ProviderFailure): Row {
  const codes = PROVIDER_ERRORS[endpoint];
  const listed = Object.hasOwn(codes, code) ? codes[code] : undefined;
  const row = listed?.find((each) => each.description?.test(description) ?? true);
  const authenticates = endpoint !== "authorization" && endpoint !== "userinfo";
  if (status === 401 && authenticates && (row === undefined || OF_CLIENT_AT_401.has(code))) return CLIENT_ROW;
  if (row !== undefined) return row;
  return status === 429 ? TEMPORARY_ROW : REJECTED;
}

/** @returns undefined for an error that is no error response of OAuth, and for one with status 5xx whatever its code is */
export function failureOf(error: unknown): ProviderFailure | undefined {
  if (error instanceof oidc.ResponseBodyError)
    return { code: error.error, description: error.error_description, status: error.status };
  if (error instanceof oidc.WWWAuthenticateChallengeError) {
    if (error.status >= 500) return undefined;
    const codes = error.cause.map(({ parameters }) => parameters.error);
    return { code: codes.find((code) => code !== undefined) ?? "", status: error.status };
  }
  // openid-client does not parse responses of other statuses than 4xx, and sets them as the cause.
  const cause = error instanceof oidc.ClientError ? error.cause : undefined;
  const status = typeof cause === "object" && cause !== null && "status" in cause ? cause.status : undefined;
  return status === 429 ? { code: "", status } : undefined;
}

/** @returns one sentence with the setting and the cure, undefined if the error is not about a setting */
export function settingError(error: unknown, endpoint: Endpoint, method?: ClientAuthMethod): string | undefined {
  const rejected = rejectedResponse(error);
  if (rejected instanceof UnusableTokensError) return rejected.message;
  const failure = failureOf(error);
  return failure === undefined ? undefined : rowOf(endpoint, failure, method).sentence;
}

export function isRejectedClient(error: unknown): boolean {
  return (
    (error instanceof oidc.ResponseBodyError || error instanceof oidc.WWWAuthenticateChallengeError) &&
    error.status === 401
  );
}

/** What a failed refresh means for the refresh token. */
export function refreshError(error: unknown, method?: ClientAuthMethod): RefreshOutcome {
  const failure = failureOf(error);
  if (failure !== undefined) {
    const { outcome, sentence } = rowOf("refresh", failure, method);
    if (outcome === "new-login") return { kind: "rejected", reason: failure.code };
    return { kind: "unspent", reason: sentence ?? wordOf(failure.code) };
  }
  const rejected = rejectedResponse(error);
  if (rejected instanceof UnusableTokensError)
    return { kind: "unusable", reason: rejected.message, refreshToken: rejected.refreshToken };
  if (isForeignIdToken(error)) return { kind: "rejected", reason: `ID token rejected: ${error.code}` };
  // Discovery or client authentication failed, before the token request.
  const own = gatewayErrorOf(error);
  if (own !== undefined) return { kind: "unspent", reason: own.reason ?? own.code };
  const unsent = neverSentCode(error);
  if (unsent !== undefined) return { kind: "unspent", reason: unsent };
  return { kind: "unknown", reason: errorName(error) };
}

/** @returns our own error before a request was sent, which openid-client wraps */
export function gatewayErrorOf(error: unknown): GatewayError | undefined {
  for (let current = error; current instanceof Error; current = current.cause)
    if (current instanceof GatewayError) return current;
  return undefined;
}

/** @returns the gateway's own rejection of a response, which openid-client and jose wrap */
export function rejectedResponse(error: unknown): OversizedResponseError | UnusableTokensError | undefined {
  for (const each of causesOf(error))
    if (each instanceof OversizedResponseError || each instanceof UnusableTokensError) return each;
  return undefined;
}

/** Whether the error is a response of a working provider. */
export function isProviderResponse(error: unknown): boolean {
  const isRejection = error instanceof oidc.ResponseBodyError && error.status < 500;
  return isRejection || isRejectedClient(error) || isForeignIdToken(error);
}

/** The provider renewed the tokens, with an ID token of another issuer or client. */
function isForeignIdToken(error: unknown): error is oidc.ClientError {
  return error instanceof oidc.ClientError && /^OAUTH_JWT_CLAIM/.test(error.code ?? "");
}

/** @throws GatewayError provider_unavailable */
export function throwUnavailable(error: unknown, method?: ClientAuthMethod): never {
  const own = gatewayErrorOf(error);
  if (own !== undefined) throw own;
  throw new GatewayError("provider_unavailable", { cause: error, reason: reasonOf(error, "client", method) });
}

/** @returns a reason for the log without secrets */
export function reasonOf(error: unknown, endpoint: Endpoint, method?: ClientAuthMethod): string {
  const failure = failureOf(error);
  const word = failure === undefined ? errorName(error) : `provider error: ${wordOf(failure.code)}`;
  return settingError(error, endpoint, method) ?? word;
}

/** @returns the status of an error response, which openid-client has parsed or sets as the cause */
export function statusOf(error: unknown): number | undefined {
  if (error instanceof oidc.ResponseBodyError || error instanceof oidc.WWWAuthenticateChallengeError)
    return error.status;
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Response ? cause.status : undefined;
}

function errorName(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  const rejected = rejectedResponse(error);
  if (rejected !== undefined) return rejected.message;
  const { code } = error as { code?: unknown };
  const cause = error.cause instanceof Error && "code" in error.cause ? String(error.cause.code) : "";
  return [error.name, typeof code === "string" ? code : "", cause].filter((part) => part !== "").join(" ");
}

/** For the log: an error code in the shape of the specification. Other texts of a provider may contain a secret. */
export function wordOf(error: string): string {
  return /^[a-z_]{1,64}$/.test(error) ? error : "an unknown error";
}
