// Which headers cross between browser and upstream, as two pure functions that return flat lists of names and values.
// To the upstream: the browser's headers that request-header-rules.ts lets pass, those that the gateway sets (bearer,
// X-Forwarded-*), and the configured ones of the upstream row; never cookies. To the browser: those that
// response-header-rules.ts lets pass, with URLs of the upstream mapped to the public origin.
import type { IncomingHttpHeaders } from "node:http";
import { browserLinks } from "./link-header.ts";
import { appSetCookie } from "./page-cookies.ts";
import { isPageHeader, isPageRequestHeader, pageCacheControl, pageRequestHeaders } from "./page-headers.ts";
import { isResponseHeaderForwarded } from "./response-header-rules.ts";
import { mapUrlsIn, type RequestContext, type MapUrl } from "./upstream-urls.ts";

/** Fast path: common names that are forwarded without a table lookup. */
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
  "content-disposition",
  "content-encoding",
  "content-range",
  "content-type",
  "date",
  "etag",
  "last-modified",
  "vary",
]);

export type RequestHeaderInput = {
  requestId: string;
  clientAddress: string;
  /** Scheme and host of the public origin, for upstreams that build links. */
  publicScheme: string;
  publicHost: string;
  /** The upstream's path prefix on the public origin. */
  prefix: string;
  /** Whether the browser's header of this lower-case name is forwarded. */
  isForwarded: (name: string) => boolean;
  /** `headers` of the upstream row, by lower-case name. */
  added: ReadonlyMap<string, string>;
  /** Identity headers, as a flat list. */
  identity?: readonly string[];
  accessToken: string | undefined;
  /** Authentication scheme of the access token. Default: Bearer. */
  tokenScheme?: "Bearer" | "DPoP";
  /** The client's DPoP proof, on rows that forward it. */
  proof?: string | undefined;
  /** Undefined: no body, or a chunked one. */
  contentLength: string | undefined;
  /** The public origin, if the row serves the app's pages; undefined for APIs. */
  pagesOf?: string | undefined;
};

/**
 * Request headers for the upstream. The gateway's own headers are added after the names in the browser's `Connection` have
 * been removed, so that `Connection: authorization` cannot remove them (CVE-2024-45410).
 */
export function requestHeaders(headers: IncomingHttpHeaders, input: RequestHeaderInput): string[] {
  const list: string[] = [];
  const { added, isForwarded, pagesOf } = input;
  const hopByHop = connectionOptions(headers.connection);
  for (const name in headers) {
    if (!PLAIN_REQUEST.has(name) && !isForwarded(name)) continue;
    if (hopByHop?.has(name) === true || added.has(name)) continue;
    if (pagesOf !== undefined && isPageRequestHeader(name)) continue;
    const value = headers[name];
    // Node returns an array for Set-Cookie only, which browsers do not send.
    if (typeof value === "string") list.push(name, value);
  }
  if (pagesOf !== undefined) pushUnlessAdded(list, pageRequestHeaders(headers, pagesOf), added);
  if (added.size > 0) for (const [name, value] of added) list.push(name, value);
  if (input.identity !== undefined && input.identity.length > 0) list.push(...input.identity);
  if (input.contentLength !== undefined) list.push("content-length", input.contentLength);
  if (input.accessToken !== undefined)
    list.push("authorization", `${input.tokenScheme ?? "Bearer"} ${input.accessToken}`);
  if (input.proof !== undefined) list.push("dpop", input.proof);
  list.push("x-forwarded-for", input.clientAddress, "x-forwarded-proto", input.publicScheme);
  list.push("x-forwarded-host", input.publicHost);
  // A row for `/` replaces nothing.
  if (input.prefix !== "/") list.push("x-forwarded-prefix", input.prefix);
  list.push("x-request-id", input.requestId);
  return list;
}

/** @param headers flat list of names and values */
function pushUnlessAdded(list: string[], headers: readonly string[], added: ReadonlyMap<string, string>): void {
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const [name = "", value = ""] = [headers[at], headers[at + 1]];
    if (!added.has(name)) list.push(name, value);
  }
}

export type ResponseHeaderInput = RequestContext & {
  status: number;
  requestId: string;
  mapUrl: MapUrl;
  /** A document that depends on the user: browsers would show it again after a logout, from their back-forward cache. */
  isPersonalDocument?: boolean | undefined;
  /** Set if the row serves the app's pages. */
  pages?: { isAnonymous: boolean } | undefined;
};

/** Response headers for the browser, without the security headers. */
export function responseHeaders(headers: IncomingHttpHeaders, input: ResponseHeaderInput): string[] {
  const { upstream, status, pages } = input;
  const list: string[] = ["X-Request-Id", input.requestId];
  const hopByHop = connectionOptions(headers.connection);
  for (const name in headers) {
    if (hopByHop?.has(name) === true) continue;
    const value = headers[name];
    if (PLAIN_RESPONSE.has(name) || (pages !== undefined && isPageHeader(name))) pushAll(list, name, value);
    else {
      const handle = HANDLED.get(name);
      if (handle !== undefined) handle(list, value, input);
      else if (isResponseHeaderForwarded(name)) pushMapped(list, name, value, input);
    }
  }
  const { "content-length": length, "cache-control": caching } = headers;
  // RFC 9110 §8.6: not in a 204. A 1xx is not forwarded.
  if (typeof length === "string" && status !== 204) list.push("content-length", length);
  const isPublic = upstream.config.access === "public";
  if (input.isPersonalDocument === true && !isPublic) list.push("cache-control", "no-store");
  else if (pages === undefined || isPublic)
    list.push("cache-control", cacheControlFor(caching, upstream.config.access));
  else list.push("cache-control", pageCacheControl(headers, pages.isAnonymous));
  return list;
}

type HeaderValue = string | string[] | undefined;
type Handle = (list: string[], value: HeaderValue, input: ResponseHeaderInput) => void;

function pushAll(list: string[], name: string, value: HeaderValue): void {
  if (typeof value === "string") list.push(name, value);
  else for (const one of value ?? []) list.push(name, one);
}

/** Headers with a rule of their own. Duplicates of a singleton header are a syntax error and are dropped. */
const HANDLED: ReadonlyMap<string, Handle> = new Map(
  Object.entries<Handle>({
    "content-length": () => {},
    "cache-control": () => {},
    location(list, value, { mapUrl, status, pages, ...context }) {
      if (typeof value !== "string") return;
      const mapped = mapUrl(value, context);
      if (mapped.kind === "ours") list.push("location", mapped.url);
      // Browsers follow redirects automatically, to hosts on no allow-list (ASVS 3.7.2); with a 201 or 202 they do not. The app
      // itself may leave the origin, as its scripts can.
      const mayLeave = pages !== undefined || status < 300 || status >= 400;
      if (mapped.kind === "foreign" && mayLeave && /^https?:$/.test(mapped.protocol)) list.push("location", value);
    },
    "content-location"(list, value, { mapUrl, ...context }) {
      const mapped = typeof value === "string" ? mapUrl(value, context) : undefined;
      if (mapped?.kind === "ours") list.push("content-location", mapped.url);
    },
    link(list, value, { mapUrl, pages, ...context }) {
      for (const one of [value ?? []].flat()) {
        const links = browserLinks(one, { ...context, mayFetchForeign: pages !== undefined }, mapUrl);
        if (links !== undefined) list.push("link", links);
      }
    },
    "set-cookie"(list, value, { pages }) {
      if (pages === undefined) return;
      for (const line of [value ?? []].flat()) {
        const cookie = appSetCookie(line);
        if (cookie !== undefined) list.push("set-cookie", cookie);
      }
    },
    "www-authenticate"(list, value) {
      // Other schemes open the browser's password dialog on the public origin; a URL can name an internal host (RFC 9728).
      if (typeof value === "string" && /^(Bearer|DPoP)\b[^,]*$/i.test(value) && !value.includes("://"))
        list.push("www-authenticate", value);
    },
    "x-accel-buffering"(list, value) {
      // Disables response buffering in nginx, which event streams need. It has no other effect.
      if (typeof value === "string" && /^(yes|no)$/i.test(value)) list.push("x-accel-buffering", value);
    },
  }),
);

function pushMapped(
  list: string[],
  name: string,
  value: HeaderValue,
  { mapUrl, ...context }: ResponseHeaderInput,
): void {
  for (const one of [value ?? []].flat()) {
    const mapped = mapUrlsIn(one, context, mapUrl);
    if (mapped !== undefined) list.push(name, mapped);
  }
}

/** Names that a `Connection` header declares hop-by-hop; undefined for the two common values. */
function connectionOptions(connection: string | string[] | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || connection === "keep-alive" || connection === "close") return undefined;
  return new Set(
    String(connection)
      .toLowerCase()
      .split(",")
      .map((name) => name.trim()),
  );
}

/**
 * Cache-Control of a forwarded response: one user's response must not be served to another user (I3, ASVS 14.2.2).
 * Responses that depend on the user are `no-store` or `private, no-cache`: shared caches must not store them, and a browser
 * must revalidate them, since the next user of the browser requests the same URLs. `max-age` is removed.
 */
export function cacheControlFor(value: string | string[] | undefined, access: string): string {
  if (value === undefined) return "no-store";
  const text = String(value);
  if (access === "public") return text;
  return /\bno-store\b/i.test(text) ? "no-store" : "private, no-cache";
}
