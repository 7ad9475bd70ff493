// Credentials in the header `Authorization` (RFC 9110 §11.6.2): the access token of a client (RFC 6750 §2.1, RFC 9449 §7.1).
import type { IncomingMessage } from "node:http";
import type { UpstreamConfig } from "../config/config.ts";

export type TokenScheme = "Bearer" | "DPoP";

export type Credentials =
  | { kind: "token"; scheme: TokenScheme; token: string }
  /** An empty header, another scheme such as Basic, or a scheme without a token. */
  | { kind: "unsupported" }
  /** Node uses the first of several; an upstream or a proxy may use the last. */
  | { kind: "several" };

const SCHEMES: Readonly<Record<string, TokenScheme>> = { bearer: "Bearer", dpop: "DPoP" };

/** @returns undefined without the header: only then do cookies count on rows that accept both */
export function credentialsOf({ headers, rawHeaders }: IncomingMessage): Credentials | undefined {
  const { authorization } = headers;
  if (authorization === undefined) return undefined;
  if (countOf(rawHeaders, "authorization") > 1) return { kind: "several" };
  const [, name = "", token = ""] = /^([^ ]+) +(.+)$/.exec(authorization) ?? [];
  const lower = name.toLowerCase();
  const scheme = Object.hasOwn(SCHEMES, lower) ? SCHEMES[lower] : undefined;
  return scheme === undefined ? { kind: "unsupported" } : { kind: "token", scheme, token };
}

/**
 * Whether a request is authorized by its own access token: then cookies are not read and no CSRF check is made, because a
 * browser does not add this header by itself. On rows that accept both there is no fallback to the session.
 */
export function bringsToken({ headers }: IncomingMessage, { access }: Pick<UpstreamConfig, "access">): boolean {
  return access === "bearer" || (access === "session-or-bearer" && headers.authorization !== undefined);
}

/** Node keeps only the first of several `Authorization` headers in `headers`. */
function countOf(rawHeaders: readonly string[], name: string): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const each = rawHeaders[at] ?? "";
    if (each.length === name.length && each.toLowerCase() === name) count++;
  }
  return count;
}

/** RFC 6750 §2.3, which is not supported: URLs are logged, and an upstream may read another token than the gateway. */
export function hasTokenInQuery(target: string): boolean {
  const query = target.indexOf("?");
  return query !== -1 && new URLSearchParams(target.slice(query + 1)).has("access_token");
}
