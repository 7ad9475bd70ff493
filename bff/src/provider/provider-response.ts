// Limits on the provider's responses, and validation of token responses. provider-fetch.ts applies them to every response.
import type { SenderConstrained } from "../config/provider-settings.ts";
import { MAX_LIFETIME_SECONDS } from "./access-token.ts";
import { tokenBindingError } from "./token-binding.ts";
import { causesOf, networkErrorKind } from "../lib/network-errors.ts";

/**
 * Discovery documents, key sets and token responses have a few to a few hundred kilobytes, and all of them are held in
 * memory at once. The limit applies to the bytes on the wire and to the decoded bytes (decompression bombs).
 */
export const MAX_RESPONSE_BYTES = 1_048_576;
/** Longer tokens exceed the header limits of upstreams, and the store holds them for each session. */
const MAX_TOKEN_CHARS = 32_768;
/** An ID token is verified and stays here: it may list the user's groups. A long one is not stored (token-set.ts). */
const MAX_ID_TOKEN_CHARS = 262_144;
const MAX_SCOPE_CHARS = 8_192;

/** The response was cut off at a limit. The request may have had its effect. */
export class OversizedResponseError extends Error {
  override readonly name = "OversizedResponseError";
  constructor(options?: ErrorOptions) {
    super(`the provider's response exceeds the limit of ${MAX_RESPONSE_BYTES} bytes`, options);
  }
}

/** The provider granted tokens that the gateway cannot use. The grant (code, refresh token) is spent. */
export class UnusableTokensError extends Error {
  override readonly name = "UnusableTokensError";
  /** The refresh token of the rejected response. */
  readonly refreshToken: string | undefined;
  constructor(reason: string, refreshToken?: string) {
    super(`the provider's token response was rejected: ${reason}`);
    this.refreshToken = refreshToken;
  }
}

/**
 * @returns the whole body
 * @throws OversizedResponseError as soon as the decoded body exceeds the limit; the caller closes the connection
 */
export async function readBody(body: AsyncIterable<Uint8Array> | null): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body ?? []) {
      bytes += chunk.length;
      if (bytes > MAX_RESPONSE_BYTES) throw new OversizedResponseError();
      chunks.push(chunk);
    }
  } catch (error) {
    const isWireLimit = [...causesOf(error)].some((each) => networkErrorKind(each) === "body_too_large");
    throw isWireLimit ? new OversizedResponseError({ cause: error }) : error;
  }
  return Buffer.concat(chunks);
}

/**
 * Normalizes the body of a successful token response (RFC 6749 §5.1) for openid-client: optional members that are null,
 * empty or of another type are removed, lifetimes are numbers or absent.
 * @param binding how the access token must be bound to a key of the gateway
 * @returns undefined for a body without tokens
 * @throws UnusableTokensError for tokens of another type, and for those that cannot be stored and sent
 */
export function checkedTokenResponse(
  body: Buffer,
  binding: SenderConstrained = "off",
  idTokenAlg?: string,
): Buffer | undefined {
  const response = tokenMembers(body);
  if (typeof response["access_token"] !== "string" && !isToken(response["refresh_token"], MAX_TOKEN_CHARS))
    return undefined;
  const scope = scopeFrom(response["scope"]);
  if (scope === undefined) delete response["scope"];
  else response["scope"] = scope;
  const refreshToken = response["refresh_token"];
  const problem =
    tokenError(response, response["access_token"], binding) ?? idTokenError(response["id_token"], idTokenAlg);
  if (problem !== undefined)
    throw new UnusableTokensError(
      problem,
      isToken(refreshToken, MAX_TOKEN_CHARS) ? (refreshToken as string) : undefined,
    );
  for (const name of ["expires_in", "refresh_expires_in"] as const) {
    const seconds = secondsFrom(response[name]);
    if (seconds === undefined) delete response[name];
    else response[name] = seconds;
  }
  return Buffer.from(JSON.stringify(response));
}

/** Whether the body is an error of OAuth (RFC 6749 §5.2). Some providers send it with status 200. */
export function isErrorResponse(status: number, body: Buffer): boolean {
  if (status !== 200 && (status < 400 || status > 499)) return false;
  const members = membersOf(body);
  if (members === undefined || typeof members["error"] !== "string" || members["error"] === "") return false;
  return status !== 200 || (members["access_token"] === undefined && members["request_uri"] === undefined);
}

/** Not used by the gateway: the browser is redirected at once. openid-client requires the member. */
const PUSHED_SECONDS = 60;

/**
 * Normalizes the body of a successful response to a pushed authorization request (RFC 9126 §2.2) for openid-client:
 * `expires_in` may be missing.
 * @returns undefined for a body without a request URI
 */
export function checkedPushedResponse(body: Buffer): Buffer | undefined {
  const requestUri = membersOf(body)?.["request_uri"];
  // RFC 3986 §2: printable ASCII.
  if (typeof requestUri !== "string" || !/^[\x21-\x7e]+$/.test(requestUri)) return undefined;
  return Buffer.from(JSON.stringify({ request_uri: requestUri, expires_in: PUSHED_SECONDS }));
}

function tokenMembers(body: Buffer): Record<string, unknown> {
  const members = Object.entries(membersOf(body) ?? {});
  const isAbsent = (name: string, value: unknown) => value === null || (value === "" && OPTIONAL_TOKENS.has(name));
  return Object.fromEntries(members.filter(([name, value]) => READ_MEMBERS.has(name) && !isAbsent(name, value)));
}

function membersOf(body: Buffer): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder().decode(body));
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return undefined;
    return parsed as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** Some providers send an empty string in place of a token that they do not issue. */
const OPTIONAL_TOKENS: ReadonlySet<string> = new Set(["refresh_token", "id_token"]);

/** Other members are dropped: deeply nested extensions, `__proto__`. */
const READ_MEMBERS: ReadonlySet<string> = new Set([
  "access_token",
  "token_type",
  "expires_in",
  "refresh_token",
  "refresh_expires_in",
  "scope",
  "id_token",
  "issued_token_type",
]);

function tokenError(
  response: Record<string, unknown>,
  accessToken: unknown,
  binding: SenderConstrained,
): string | undefined {
  if (typeof accessToken !== "string") return "it has no access_token (RFC 6749 §5.1)";
  const { token_type: type, scope, refresh_token: refreshToken, id_token: idToken } = response;
  if (typeof type !== "string") return "it has no token_type (RFC 6749 §5.1)";
  const bindingProblem = tokenBindingError(type, accessToken, binding);
  if (bindingProblem !== undefined) return bindingProblem;
  const tokens = [
    ["access_token", accessToken, MAX_TOKEN_CHARS],
    ["refresh_token", refreshToken, MAX_TOKEN_CHARS],
    ["id_token", idToken, MAX_ID_TOKEN_CHARS],
  ] as const;
  for (const [name, token, maxChars] of tokens)
    if (token !== undefined && !isToken(token, maxChars))
      return `its ${name} is longer than ${maxChars} characters, or contains invalid characters`;
  if (typeof scope === "string" && scope.length > MAX_SCOPE_CHARS)
    return `its scope is longer than ${MAX_SCOPE_CHARS} characters`;
  return undefined;
}

/** @returns undefined for a value of another type, which states nothing. Some providers send a list. */
function scopeFrom(scope: unknown): string | undefined {
  if (Array.isArray(scope) && scope.every((each) => typeof each === "string")) return scope.join(" ");
  return typeof scope === "string" ? scope : undefined;
}

/** Checked here and not only by the validation, which would lose the new refresh token (0036). */
function idTokenError(idToken: unknown, expected: string | undefined): string | undefined {
  if (typeof idToken !== "string" || expected === undefined) return undefined;
  const [header, claims] = idToken.split(".", 2).map((part) => membersOf(Buffer.from(part, "base64url")));
  const alg = header?.["alg"];
  if (typeof alg !== "string") return "its ID token is no JWT";
  if (alg === expected) return claims === undefined ? "its ID token is no JWT" : undefined;
  const name = /^[\w-]{1,16}$/.test(alg) ? alg : "another algorithm";
  return `its ID token is signed with ${name}, and OIDC_ID_TOKEN_ALG is ${expected}. Correct the setting or the client's registration there`;
}

/** RFC 6749 appendix A.12: printable ASCII, so that it can be sent in a header. */
function isToken(token: unknown, maxChars: number): boolean {
  return typeof token === "string" && token.length <= maxChars && /^[\x20-\x7e]+$/.test(token);
}

/** @returns undefined for a negative, infinite or non-numeric value. Some providers send a string of digits. */
function secondsFrom(value: unknown): number | undefined {
  const seconds = typeof value === "string" && /^\d{1,15}(\.\d{1,9})?$/.test(value) ? Number(value) : value;
  if (typeof seconds !== "number" || !(seconds >= 0)) return undefined;
  return Math.min(seconds, MAX_LIFETIME_SECONDS);
}
