// Step-up authentication (RFC 9470): replaces an upstream's 401 insufficient_user_authentication by the gateway's error
// with the URL of a login that satisfies it. The challenge itself addresses the holder of the token, which the browser is
// not, and is not forwarded.
import type { IncomingHttpHeaders } from "node:http";
import { GatewayError } from "../errors.ts";
import { LOGIN_SHAPES } from "../lib/login-parameter-shapes.ts";
import type { UpstreamConfig } from "../config/upstreams.ts";

const STEP_UP_ERROR = "insufficient_user_authentication";

/** @returns undefined for other responses, and for upstreams that do not receive the user's token */
export function stepUpDemand(
  status: number,
  headers: IncomingHttpHeaders,
  { token, prefix }: Pick<UpstreamConfig, "token" | "prefix">,
): GatewayError | undefined {
  const challenge = headers["www-authenticate"];
  if (status !== 401 || challenge === undefined) return undefined;
  // Without the user's token a new login would not change the response: the app would log in again and again.
  if (token !== "user" && token !== "optional") return undefined;
  const parameters = bearerParameters(String(challenge));
  if (parameters?.get("error") !== STEP_UP_ERROR) return undefined;
  return new GatewayError("step_up_required", {
    reason: `the upstream ${prefix} requires a stronger login`,
    loginUrl: `/bff/login?${loginQuery(parameters).toString()}`,
  });
}

/** Keeps the parameters that /bff/login accepts; a challenge without acr_values and max_age requests any new login. */
function loginQuery(parameters: ReadonlyMap<string, string>): URLSearchParams {
  const query = new URLSearchParams();
  for (const name of ["acr_values", "max_age"] as const) {
    const value = parameters.get(name);
    if (value !== undefined && LOGIN_SHAPES[name].test(value)) query.set(name, value);
  }
  if (query.size === 0) query.set("prompt", "login");
  return query;
}

const MAX_CHALLENGE_CHARS = 4_096;
const BEARER = /(?:^|,)\s*(?:Bearer|DPoP)\s/i;
/** `name=token` or `name="quoted"` (RFC 9110 §11.2). The first of duplicate names counts. */
const PARAMETER = /([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))/g;

function bearerParameters(challenge: string): ReadonlyMap<string, string> | undefined {
  if (challenge.length > MAX_CHALLENGE_CHARS || !BEARER.test(challenge)) return undefined;
  const parameters = new Map<string, string>();
  for (const [, name = "", quoted, plain = ""] of challenge.matchAll(PARAMETER)) {
    const key = name.toLowerCase();
    if (!parameters.has(key)) parameters.set(key, quoted?.replace(/\\(.)/g, "$1") ?? plain);
  }
  return parameters;
}
