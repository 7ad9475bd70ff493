// What a failed call to the provider means: refused for good, certainly not done, or nobody knows.
import * as oidc from "openid-client";
import { GatewayError } from "../errors.ts";
import type { RefreshOutcome } from "../tokens/refresh.ts";
import { neverSentCode } from "./provider-fetch.ts";
import { OversizedResponseError, UnusableTokensError } from "./provider-response.ts";
import { isRefusedClient, settingFault } from "./setting-errors.ts";

const TIMESTAMP_REFUSED = "OAUTH_JWT_TIMESTAMP_CHECK_FAILED";

/** What a failed refresh means for the refresh token. */
export function refreshFault(error: unknown): RefreshOutcome {
  if (error instanceof oidc.ResponseBodyError) {
    if (error.error === "invalid_grant") return { kind: "rejected", reason: "invalid_grant" };
    if (error.status < 500) return { kind: "unspent", reason: settingFault(error) ?? wordOf(error.error) };
  }
  const refused = refusedResponse(error);
  if (refused instanceof UnusableTokensError)
    return { kind: "unusable", reason: refused.message, refreshToken: refused.refreshToken };
  // Said in a header instead of a body: without a client that is believed no token was looked at.
  if (isRefusedClient(error)) return { kind: "unspent", reason: settingFault(error) ?? faultName(error) };
  if (isForeignIdToken(error)) return { kind: "rejected", reason: `ID token refused: ${error.code}` };
  // Thrown before the request was made: discovery failed.
  if (error instanceof GatewayError) return { kind: "unspent", reason: error.reason ?? error.code };
  const unsent = neverSentCode(error);
  if (unsent !== undefined) return { kind: "unspent", reason: unsent };
  return { kind: "unknown", reason: faultName(error) };
}

/** @returns the gateway's own refusal of a response; openid-client and jose wrap it. */
export function refusedResponse(error: unknown): OversizedResponseError | UnusableTokensError | undefined {
  for (let current = error; current instanceof Error; current = current.cause)
    if (current instanceof OversizedResponseError || current instanceof UnusableTokensError) return current;
  return undefined;
}

/** Whether the provider is there: it said something that only it can say. */
export function isAnswer(error: unknown): boolean {
  const isRefusal = error instanceof oidc.ResponseBodyError && error.status < 500;
  return isRefusal || isRefusedClient(error) || isForeignIdToken(error);
}

/** The provider did renew the tokens, with an ID token that is not for this issuer or client. */
function isForeignIdToken(error: unknown): error is oidc.ClientError {
  return error instanceof oidc.ClientError && /^OAUTH_JWT_CLAIM/.test(error.code ?? "");
}

export function throwUnavailable(error: unknown): never {
  const reason =
    settingFault(error) ??
    (error instanceof oidc.ResponseBodyError ? `the provider answered ${wordOf(error.error)}` : faultName(error));
  throw new GatewayError("provider_unavailable", { cause: error, reason });
}

/**
 * Tells a login that is refused from a provider that cannot answer.
 * @param clockFault where the clocks are known to differ: it explains a refused time better than the claim's name
 */
export function throwLoginFault(error: unknown, clockFault?: string): never {
  if (error instanceof oidc.AuthorizationResponseError)
    throw new GatewayError("login_failed", { cause: error, reason: `the provider answered ${wordOf(error.error)}` });
  const refused = refusedResponse(error);
  if (refused instanceof OversizedResponseError) throwUnavailable(error);
  // No 503: the same login would be refused again.
  const setting = settingFault(error) ?? refused?.message;
  if (setting !== undefined) throw new GatewayError("login_failed", { cause: error, reason: setting });
  if (error instanceof oidc.ResponseBodyError && error.status < 500)
    throw new GatewayError("login_failed", {
      cause: error,
      reason: `the token endpoint answered ${wordOf(error.error)}`,
    });
  const code = error instanceof oidc.ClientError ? (error.code ?? "") : "";
  if (
    error instanceof oidc.ClientError &&
    !/TIMEOUT|RESPONSE_IS_NOT_CONFORM|RESPONSE_IS_NOT_JSON|PARSE_ERROR/.test(code)
  ) {
    const why = code === TIMESTAMP_REFUSED ? (clockFault ?? code) : code;
    throw new GatewayError("login_failed", { cause: error, reason: `login response refused: ${why}` });
  }
  throwUnavailable(error);
}

/** @returns `iat` of the ID token that was refused for its times. */
export function issuedAtOf(error: unknown): unknown {
  if (!(error instanceof oidc.ClientError) || error.code !== TIMESTAMP_REFUSED) return undefined;
  const details = error.cause instanceof Error ? error.cause.cause : undefined;
  return (details as { claims?: { iat?: unknown } } | undefined)?.claims?.iat;
}

function faultName(error: unknown): string {
  if (!(error instanceof Error)) return "unreadable fault";
  const refused = refusedResponse(error);
  if (refused !== undefined) return refused.message;
  const { code } = error as { code?: unknown };
  const cause = error.cause instanceof Error && "code" in error.cause ? String(error.cause.code) : "";
  return [error.name, typeof code === "string" ? code : "", cause].filter((part) => part !== "").join(" ");
}

/** Error codes are words of the specification; anything else that a provider says may be a secret. */
export function wordOf(error: string): string {
  return /^[a-z_]{1,64}$/.test(error) ? error : "an unknown error";
}
