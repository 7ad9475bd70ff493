// Errors of a login by the outcome of the provider's error (RFC 6749 §4.1.2.1 and §5.2, decision 0036).
import * as oidc from "openid-client";
import type { ClientAuthMethod } from "../config/client-auth-settings.ts";
import { GatewayError } from "../errors.ts";
import {
  failureOf,
  gatewayErrorOf,
  reasonOf,
  rejectedResponse,
  rowOf,
  throwUnavailable,
  wordOf,
  type Row,
} from "./provider-errors.ts";
import { OversizedResponseError } from "./provider-response.ts";

const TIMESTAMP_REJECTED = "OAUTH_JWT_TIMESTAMP_CHECK_FAILED";

/**
 * The error of a login by the row of the table.
 * @throws GatewayError login_failed | step_up_failed | provider_unavailable
 */
export function throwLoginRejection({ outcome, sentence }: Row, details: { cause?: unknown; reason: string }): never {
  if (outcome === "temporary") throw new GatewayError("provider_unavailable", details);
  if (outcome === "step-up") throw new GatewayError("step_up_failed", details);
  if (outcome === "configuration")
    throw new GatewayError("login_failed", {
      ...details,
      reason: sentence ?? details.reason,
      explanation: "login_misconfigured",
    });
  throw new GatewayError("login_failed", {
    ...details,
    ...(outcome === "denied" ? { explanation: "login_denied" } : {}),
    ...(outcome === "restart" ? { explanation: "login_page_expired" } : {}),
  });
}

/**
 * A rejected pushed authorization request. Not 503 where the same request would be rejected again.
 * @throws GatewayError login_failed | step_up_failed | provider_unavailable
 */
export function throwPushError(error: unknown, method?: ClientAuthMethod): never {
  const failure = failureOf(error);
  if (failure === undefined) throwUnavailable(error);
  throwLoginRejection(rowOf("pushed", failure, method), { cause: error, reason: reasonOf(error, "pushed", method) });
}

/**
 * @param context `clockError`: set if the clocks differ, a better reason for a rejected timestamp than the claim's name;
 * `method`: of the client authentication
 * @throws GatewayError login_failed if the same login would fail again, otherwise provider_unavailable
 */
export function throwLoginError(
  error: unknown,
  { clockError, method }: { clockError?: string | undefined; method?: ClientAuthMethod | undefined },
): never {
  const own = gatewayErrorOf(error);
  if (own !== undefined) throw own;
  if (error instanceof oidc.AuthorizationResponseError)
    throw new GatewayError("login_failed", { cause: error, reason: `provider error: ${wordOf(error.error)}` });
  const rejected = rejectedResponse(error);
  if (rejected instanceof OversizedResponseError) throwUnavailable(error);
  if (rejected !== undefined)
    throwLoginRejection({ outcome: "configuration" }, { cause: error, reason: rejected.message });
  const failure = failureOf(error);
  if (failure !== undefined)
    throwLoginRejection(rowOf("code", failure, method), {
      cause: error,
      reason: `token endpoint error: ${wordOf(failure.code)}`,
    });
  const code = error instanceof oidc.ClientError ? (error.code ?? "") : "";
  if (
    error instanceof oidc.ClientError &&
    !/TIMEOUT|RESPONSE_IS_NOT_CONFORM|RESPONSE_IS_NOT_JSON|PARSE_ERROR/.test(code)
  ) {
    const why = code === TIMESTAMP_REJECTED ? (clockError ?? code) : code;
    throw new GatewayError("login_failed", { cause: error, reason: `login response rejected: ${why}` });
  }
  throwUnavailable(error);
}

/** @returns `iat` of an ID token whose timestamps were rejected */
export function issuedAtOf(error: unknown): unknown {
  if (!(error instanceof oidc.ClientError) || error.code !== TIMESTAMP_REJECTED) return undefined;
  const details = error.cause instanceof Error ? error.cause.cause : undefined;
  return (details as { claims?: { iat?: unknown } } | undefined)?.claims?.iat;
}
