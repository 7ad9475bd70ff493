// The heads that cross the gateway: two pure functions, from what came to what is sent, as flat lists.
import type { IncomingHttpHeaders } from "node:http";
import { allowedCaching } from "./caching.ts";
import { forbiddenNames, REQUEST_PREFIXES, REQUEST_RULES, RESPONSE_PREFIXES, RESPONSE_RULES } from "./header-rules.ts";
import { browserLocation } from "./location.ts";
import type { Upstream } from "./upstreams.ts";

const isForbiddenRequestName = forbiddenNames(REQUEST_RULES, REQUEST_PREFIXES);
const isForbiddenResponseName = forbiddenNames(RESPONSE_RULES, RESPONSE_PREFIXES);

/** What almost every message carries, so that the rules are asked only about the rest. */
const PLAIN_REQUEST: ReadonlySet<string> = new Set([
  "accept",
  "accept-encoding",
  "accept-language",
  "content-type",
  "if-none-match",
  "priority",
  "range",
  "user-agent",
]);
const PLAIN_RESPONSE: ReadonlySet<string> = new Set([
  "accept-ranges",
  "content-encoding",
  "content-range",
  "content-type",
  "date",
  "etag",
  "last-modified",
  "vary",
]);

export type RequestFacts = {
  requestId: string;
  clientAddress: string;
  /** Scheme and host of the public origin, for upstreams that build links. */
  publicScheme: string;
  publicHost: string;
  /** The upstream's prefix on our origin. */
  prefix: string;
  /** What the upstream's row adds, by lower-case name. */
  added: ReadonlyMap<string, string>;
  accessToken: string | undefined;
  /** The declared length of a body that is sent with its length; undefined: none, or in chunks. */
  contentLength: string | undefined;
};

/**
 * The browser's head → the upstream's. Ours are added last and from nothing but facts: a name that the browser's
 * `Connection` nominates is gone before, so `Connection: authorization` takes nothing of ours (CVE-2024-45410).
 */
export function requestHeaders(headers: IncomingHttpHeaders, facts: RequestFacts): string[] {
  const list: string[] = [];
  const { added } = facts;
  const nominated = nominatedNames(headers.connection);
  for (const name in headers) {
    if (!PLAIN_REQUEST.has(name) && isForbiddenRequestName(name)) continue;
    if (nominated?.has(name) === true || added.has(name)) continue;
    const value = headers[name];
    // Only Set-Cookie is ever an array here, and no browser sends one.
    if (typeof value === "string") list.push(name, value);
  }
  if (added.size > 0) for (const [name, value] of added) list.push(name, value);
  if (facts.contentLength !== undefined) list.push("content-length", facts.contentLength);
  if (facts.accessToken !== undefined) list.push("authorization", `Bearer ${facts.accessToken}`);
  list.push("x-forwarded-for", facts.clientAddress, "x-forwarded-proto", facts.publicScheme);
  list.push("x-forwarded-host", facts.publicHost, "x-forwarded-prefix", facts.prefix);
  list.push("x-request-id", facts.requestId);
  return list;
}

export type ResponseFacts = {
  upstream: Upstream;
  status: number;
  /** What was asked of the upstream: relative references are relative to this. */
  upstreamTarget: string;
  requestId: string;
};

/** The upstream's head → the browser's, without the security headers. */
export function responseHeaders(headers: IncomingHttpHeaders, facts: ResponseFacts): string[] {
  const { upstream, status } = facts;
  const list: string[] = ["X-Request-Id", facts.requestId];
  const nominated = nominatedNames(headers.connection);
  for (const name in headers) {
    if (!PLAIN_RESPONSE.has(name) && (isForbiddenResponseName(name) || HANDLED.has(name))) continue;
    if (nominated?.has(name) === true) continue;
    const value = headers[name];
    if (typeof value === "string") list.push(name, value);
    else for (const one of value ?? []) list.push(name, one);
  }
  const { "content-length": length, "cache-control": caching, location, "www-authenticate": challenge } = headers;
  // A 204 must not have one, and a 1xx never gets here (RFC 9110 §8.6).
  if (typeof length === "string" && status !== 204) list.push("content-length", length);
  list.push("cache-control", allowedCaching(caching, upstream.config.token));
  const mapped = location === undefined ? undefined : browserLocation(location, facts);
  if (mapped !== undefined) list.push("location", mapped);
  // Any other scheme opens the browser's own password dialog on our origin.
  if (challenge !== undefined && /^(Bearer|DPoP)\b[^,]*$/i.test(challenge)) list.push("www-authenticate", challenge);
  return list;
}

/** Names that cross by a rule of their own, below the loop. */
const HANDLED: ReadonlySet<string> = new Set(["content-length", "cache-control", "location", "www-authenticate"]);

/** Names that a `Connection` header declares hop-by-hop; undefined for the two values that nearly everyone sends. */
function nominatedNames(connection: string | string[] | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || connection === "keep-alive" || connection === "close") return undefined;
  return new Set(
    String(connection)
      .toLowerCase()
      .split(",")
      .map((name) => name.trim()),
  );
}
