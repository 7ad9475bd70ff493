// An upstream that wants a stronger or fresher login than this session's says so in its challenge (RFC 9470). That
// challenge becomes our own refusal with the address of the login that meets it. Its words and its body stay here: it
// speaks to whoever holds the token, and the browser does not.
import type { IncomingHttpHeaders } from "node:http";
import { GatewayError } from "../errors.ts";
import { LOGIN_SHAPES } from "../lib/login-parameter-shapes.ts";
import type { UpstreamConfig } from "../config/upstreams.ts";

const STEP_UP_ERROR = "insufficient_user_authentication";

/** @returns undefined for every answer that is not such a challenge, and where the user's login is not what was sent */
export function stepUpDemand(
  status: number,
  headers: IncomingHttpHeaders,
  { token, prefix }: Pick<UpstreamConfig, "token" | "prefix">,
): GatewayError | undefined {
  const challenge = headers["www-authenticate"];
  if (status !== 401 || challenge === undefined) return undefined;
  // No login of the user's would change a request that goes without the user's token: it would go round for ever.
  if (token !== "user" && token !== "optional") return undefined;
  const parameters = bearerParameters(String(challenge));
  if (parameters?.get("error") !== STEP_UP_ERROR) return undefined;
  return new GatewayError("step_up_required", {
    reason: `the upstream ${prefix} wants a stronger login`,
    loginUrl: `/bff/login?${loginQuery(parameters).toString()}`,
  });
}

/** Only what /bff/login takes; a challenge that names neither level nor age asks for a login as such. */
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
/** `name=token` or `name="quoted"` (RFC 9110 §11.2); of a name that comes twice, the first. */
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
