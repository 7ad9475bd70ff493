// Validation of the discovery document (OIDC Discovery 1.0 §3). Its URLs can then be fetched and sent to a browser without
// another check.
import type * as oidc from "openid-client";
import { GatewayError } from "../errors.ts";

const REQUIRED_URLS = ["authorization_endpoint", "token_endpoint", "jwks_uri"] as const;
const OPTIONAL_URLS = [
  "pushed_authorization_request_endpoint",
  "revocation_endpoint",
  "end_session_endpoint",
  "userinfo_endpoint",
  "introspection_endpoint",
] as const;
const LISTS = [
  "grant_types_supported",
  "token_endpoint_auth_methods_supported",
  "token_endpoint_auth_signing_alg_values_supported",
  "prompt_values_supported",
  ...(["request_object_signing_alg_values_supported", "response_modes_supported"] as const),
] as const;
const BOOLEANS = [
  ...(["authorization_response_iss_parameter_supported", "backchannel_logout_session_supported"] as const),
  ...(["require_pushed_authorization_requests", "require_signed_request_object"] as const),
  "request_parameter_supported",
] as const;
/** RFC 8705 §5. */
const MTLS_ALIASES = "mtls_endpoint_aliases";
const MAX_URL_CHARS = 2_048;

/**
 * @returns the metadata without invalid optional members, and the names of those
 * @throws GatewayError provider_unavailable if a required URL is missing or unsafe
 */
export function checkedMetadata(
  metadata: Readonly<oidc.ServerMetadata>,
  issuer: string,
): { metadata: oidc.ServerMetadata; ignored: string[] } {
  // I6: with an https issuer no request is sent in clear text.
  const schemes = issuer.startsWith("http:") ? ["http:", "https:"] : ["https:"];
  for (const name of REQUIRED_URLS)
    if (!isSafeUrl(metadata[name], schemes))
      throw new GatewayError("provider_unavailable", { reason: urlError(name, schemes) });
  const checked: Record<string, unknown> = { ...metadata };
  const ignored: string[] = [];
  const ignore = (name: string): void => {
    if (checked[name] !== undefined && checked[name] !== null) ignored.push(name);
    delete checked[name];
  };
  for (const name of OPTIONAL_URLS) if (!isSafeUrl(checked[name], schemes)) ignore(name);
  for (const name of LISTS) if (!Array.isArray(checked[name])) ignore(name);
  for (const name of BOOLEANS) if (typeof checked[name] !== "boolean") ignore(name);
  const aliases = checked[MTLS_ALIASES];
  if (typeof aliases !== "object" || aliases === null) ignore(MTLS_ALIASES);
  else {
    const isSafe = ([, url]: [string, unknown]): boolean => isSafeUrl(url, schemes);
    const unsafe = Object.entries(aliases).filter((alias) => !isSafe(alias));
    ignored.push(...unsafe.map(([name]) => `${MTLS_ALIASES}.${name}`));
    checked[MTLS_ALIASES] = Object.fromEntries(Object.entries(aliases).filter(isSafe));
  }
  return { metadata: checked as oidc.ServerMetadata, ignored };
}

function urlError(name: string, schemes: readonly string[]): string {
  if (name === "jwks_uri")
    return `OIDC_ISSUER names a provider that publishes no keys: its jwks_uri ${ruleOf(schemes)}`;
  return `OIDC_ISSUER names a provider whose ${name} ${ruleOf(schemes)}`;
}

function ruleOf(schemes: readonly string[]): string {
  return `is missing, or is not a URL with ${schemes.join(" or ")}// and without user, password and fragment. Correct the provider's metadata`;
}

/** Rejects `javascript:` URLs, which would reach a browser, and credentials, which would reach the log. */
function isSafeUrl(value: unknown, schemes: readonly string[]): value is string {
  if (typeof value !== "string" || value.length > MAX_URL_CHARS || !URL.canParse(value)) return false;
  const { protocol, username, password } = new URL(value);
  return schemes.includes(protocol) && username === "" && password === "" && !value.includes("#");
}
