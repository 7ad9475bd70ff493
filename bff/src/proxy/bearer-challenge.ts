// Errors of requests with an access token, with their challenges (RFC 6750 §3, RFC 9449 §7.1, RFC 9470 §3).
import type { UpstreamConfig } from "../config/config.ts";
import { GatewayError, type ErrorCode } from "../errors.ts";
import { BEARER_ALGORITHMS } from "../config/bearer-row.ts";
import { stepUpParameters } from "./step-up.ts";

export type BearerError = {
  code: Extract<
    ErrorCode,
    | "token_missing"
    | "invalid_token"
    | "invalid_dpop_proof"
    | "insufficient_scope"
    | "request_malformed"
    | "step_up_required"
  >;
  reason: string;
  upstream: UpstreamConfig;
};

/** Error codes of RFC 6750 §3.1. A request without a token gets none, because it does not know what is required. */
const PARAMETER: Readonly<Record<BearerError["code"], string | undefined>> = {
  token_missing: undefined,
  invalid_token: "invalid_token",
  invalid_dpop_proof: "invalid_dpop_proof",
  insufficient_scope: "insufficient_scope",
  request_malformed: "invalid_request",
  step_up_required: "insufficient_user_authentication",
};

/** RFC 6749 §3.3: no character that a quoted string must escape. */
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/;
const ALGS = `algs="${BEARER_ALGORITHMS.join(" ")}"`;

/** The error has challenges, and no URL of a login: a client cannot log in. */
export function bearerError({ code, reason, upstream }: BearerError): GatewayError {
  return new GatewayError(code, { reason, challenges: challengesOf(code, upstream) });
}

function challengesOf(code: BearerError["code"], row: UpstreamConfig): string[] {
  const { prefix, bearer, requiredScopes } = row;
  const parameter = PARAMETER[code];
  const scopes = requiredScopes.filter((scope) => SCOPE_TOKEN.test(scope));
  const parameters = [
    `realm="${prefix}"`,
    ...(parameter === undefined ? [] : [`error="${parameter}"`]),
    ...(code === "insufficient_scope" && scopes.length > 0 ? [`scope="${scopes.join(" ")}"`] : []),
    ...(code === "step_up_required" ? [...stepUpParameters(row)].map(([name, value]) => `${name}="${value}"`) : []),
  ];
  const isBearer = bearer?.dpop !== "required" && code !== "invalid_dpop_proof";
  return [...(isBearer ? [`Bearer ${parameters.join(", ")}`] : []), `DPoP ${[...parameters, ALGS].join(", ")}`];
}
