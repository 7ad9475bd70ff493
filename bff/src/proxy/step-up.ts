// Step-up authentication (RFC 9470): replaces an upstream's 401 insufficient_user_authentication by the gateway's error
// with the URL of a login that satisfies it. The challenge itself addresses the holder of the token, which the browser is
// not, and is not forwarded.
import type { IncomingHttpHeaders } from "node:http";
import { GatewayError } from "../errors.ts";
import { LOGIN_SHAPES } from "../lib/login-parameter-shapes.ts";
import type { UpstreamConfig } from "../config/upstreams.ts";
import { challengeParameters } from "./challenge.ts";

const STEP_UP_ERROR = "insufficient_user_authentication";

/** @returns undefined for other responses, and for upstreams that do not receive the user's token */
export function stepUpDemand(
  status: number,
  headers: IncomingHttpHeaders,
  { token, prefix }: Pick<UpstreamConfig, "token" | "prefix">,
): GatewayError | undefined {
  if (status !== 401) return undefined;
  // Without the user's token a new login would not change the response: the app would log in again and again.
  if (token !== "user") return undefined;
  const parameters = challengeParameters(headers);
  if (parameters?.get("error") !== STEP_UP_ERROR) return undefined;
  return new GatewayError("step_up_required", {
    reason: `the upstream ${prefix} requires a stronger login`,
    loginUrl: stepUpUrl(parameters),
  });
}

/** @returns the parameters `acr_values` and `max_age` that a row requires (RFC 9470 §3) */
export function stepUpParameters({
  requiredAcr,
  maxAuthenticationAgeSeconds,
}: Pick<UpstreamConfig, "requiredAcr" | "maxAuthenticationAgeSeconds">): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  if (requiredAcr.length > 0) parameters.set("acr_values", requiredAcr.join(" "));
  if (maxAuthenticationAgeSeconds !== undefined) parameters.set("max_age", String(maxAuthenticationAgeSeconds));
  return parameters;
}

/** @returns the URL of a login that satisfies the row; undefined: any login does */
export function requiredLoginUrl(row: Parameters<typeof stepUpParameters>[0]): string | undefined {
  const parameters = stepUpParameters(row);
  return parameters.size === 0 ? undefined : stepUpUrl(parameters);
}

/** Keeps the parameters that /bff/login accepts; a challenge without acr_values and max_age requests any new login. */
export function stepUpUrl(parameters: ReadonlyMap<string, string>): string {
  const query = new URLSearchParams();
  for (const name of ["acr_values", "max_age"] as const) {
    const value = parameters.get(name);
    if (value !== undefined && LOGIN_SHAPES[name].test(value)) query.set(name, value);
  }
  if (query.size === 0) query.set("prompt", "login");
  return `/bff/login?${query.toString()}`;
}
