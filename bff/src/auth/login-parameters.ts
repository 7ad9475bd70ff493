// Parameters of /bff/login: an allow-list with a pattern per value. Only these control the authorization request (parameter
// injection, nextjs-auth0 CVE-2025-67716). Names of the authorization request itself are rejected, so that a link that tries
// to set one is noticed; all other names, such as campaign tags, are ignored and never forwarded.
import { GatewayError } from "../errors.ts";
import { LOGIN_SHAPES } from "../lib/login-parameter-shapes.ts";
import { returnPath, targetPath, type ReturnTargets } from "./return-path.ts";

export type LoginParameters = {
  returnPath: string;
  /** Parameters of the authorization request, unchanged. */
  extra: Record<string, string>;
  prompt?: string;
  acrValues?: string;
  maxAgeSeconds?: number;
  /** Third-party-initiated login (OIDC Core 1.0 §4). */
  issuer?: string;
  /** The browser has repeated the request from a page of the gateway; see third-party-login.ts. */
  isRepeated?: boolean;
  /** Value of the confirmation page's form. */
  confirmed?: string;
};

const SHAPES: Readonly<Record<string, RegExp>> = LOGIN_SHAPES;

/** Parameters of authorization requests that the gateway sets, or that would change what a login grants. */
const REJECTED: ReadonlySet<string> = new Set([
  ...["client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "resource", "claims"],
  ...["code_challenge", "code_challenge_method", "request", "request_uri", "id_token_hint", "authorization_details"],
  "dpop_jkt",
]);

const OWN: Readonly<Record<string, (parsed: LoginParameters, value: string, targets: ReturnTargets) => boolean>> = {
  returnTo: (parsed, value, targets) => setReturnPath(parsed, returnPath(value, targets)),
  target_link_uri: (parsed, value, targets) => setReturnPath(parsed, targetPath(value, targets)),
  iss: (parsed, value) => {
    parsed.issuer = value;
    return true;
  },
  repeated: (parsed, value) => (parsed.isRepeated = value === "1"),
  confirmed: (parsed, value) => {
    parsed.confirmed = value;
    return /^[\w-]{1,64}$/.test(value);
  },
};

function setReturnPath(parsed: LoginParameters, path: string | undefined): boolean {
  if (path !== undefined) parsed.returnPath = path;
  return path !== undefined;
}

/** @throws GatewayError request_malformed for a rejected, repeated or invalid parameter */
export function parseLoginParameters(query: string | URLSearchParams, targets: ReturnTargets): LoginParameters {
  const parsed: LoginParameters = { returnPath: "/", extra: {} };
  const seen = new Set<string>();
  for (const [name, value] of new URLSearchParams(query)) {
    if (REJECTED.has(name)) throw malformed(name, "is set by the gateway only");
    const own = Object.hasOwn(OWN, name) ? OWN[name] : undefined;
    const shape = Object.hasOwn(SHAPES, name) ? SHAPES[name] : undefined;
    if (own === undefined && shape === undefined) continue;
    if (seen.has(name)) throw malformed(name, "occurs twice");
    seen.add(name);
    // RFC 6749 §3.1: a parameter without a value is treated as omitted.
    if (value === "") continue;
    if (own?.(parsed, value, targets) === false || shape?.test(value) === false)
      throw malformed(name, own === undefined ? "has an invalid value" : "is not accepted by this application");
    if (shape !== undefined) parsed.extra[name] = value;
  }
  if (seen.has("returnTo") && seen.has("target_link_uri")) throw malformed("returnTo", "excludes target_link_uri");
  if (seen.has("target_link_uri") && parsed.issuer === undefined) throw malformed("target_link_uri", "requires iss");
  return { ...parsed, ...checkedAtCallback(parsed.extra) };
}

/** The parameters whose effect the callback checks. */
export function checkedAtCallback({
  prompt,
  acr_values: acrValues,
  max_age: maxAge,
}: Readonly<Record<string, string>>): Pick<LoginParameters, "prompt" | "acrValues" | "maxAgeSeconds"> {
  return {
    ...(prompt === undefined ? {} : { prompt }),
    ...(acrValues === undefined ? {} : { acrValues }),
    ...(maxAge === undefined ? {} : { maxAgeSeconds: Number(maxAge) }),
  };
}

function malformed(name: string, problem: string): GatewayError {
  return new GatewayError("request_malformed", { reason: `login: ${name} ${problem}` });
}
