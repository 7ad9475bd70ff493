// The heads that cross the gateway: two pure functions, from what came to what is sent, as flat lists.
import type { IncomingHttpHeaders } from "node:http";
import { allowedCaching } from "./cache-control.ts";
import { browserLinks } from "./link-header.ts";
import { responseHeaderCrosses } from "./response-header-rules.ts";
import { mapUrlsIn, type Asked, type MapUrl } from "./upstream-urls.ts";

/** What almost every message carries, so that only other names are looked up. */
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

export type RequestFacts = {
  requestId: string;
  clientAddress: string;
  /** Scheme and host of the public origin, for upstreams that build links. */
  publicScheme: string;
  publicHost: string;
  /** The upstream's prefix on our origin. */
  prefix: string;
  /** Whether the browser's header of this lower-case name crosses. */
  crosses: (name: string) => boolean;
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
  const { added, crosses } = facts;
  const nominated = nominatedNames(headers.connection);
  for (const name in headers) {
    if (!PLAIN_REQUEST.has(name) && !crosses(name)) continue;
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

export type ResponseFacts = Asked & {
  status: number;
  requestId: string;
  mapUrl: MapUrl;
};

/** The upstream's head → the browser's, without the security headers. */
export function responseHeaders(headers: IncomingHttpHeaders, facts: ResponseFacts): string[] {
  const { upstream, status } = facts;
  const list: string[] = ["X-Request-Id", facts.requestId];
  const nominated = nominatedNames(headers.connection);
  for (const name in headers) {
    if (nominated?.has(name) === true) continue;
    const value = headers[name];
    if (PLAIN_RESPONSE.has(name)) pushAll(list, name, value);
    else {
      const handle = HANDLED.get(name);
      if (handle !== undefined) handle(list, value, facts);
      else if (responseHeaderCrosses(name)) pushMapped(list, name, value, facts);
    }
  }
  const { "content-length": length, "cache-control": caching } = headers;
  // A 204 must not have one, and a 1xx never gets here (RFC 9110 §8.6).
  if (typeof length === "string" && status !== 204) list.push("content-length", length);
  list.push("cache-control", allowedCaching(caching, upstream.config.token));
  return list;
}

type HeaderValue = string | string[] | undefined;
type Handle = (list: string[], value: HeaderValue, facts: ResponseFacts) => void;

function pushAll(list: string[], name: string, value: HeaderValue): void {
  if (typeof value === "string") list.push(name, value);
  else for (const one of value ?? []) list.push(name, one);
}

/** Names that cross by a rule of their own. Of a header that may come once only, two are a syntax error and dropped. */
const HANDLED: ReadonlyMap<string, Handle> = new Map(
  Object.entries<Handle>({
    "content-length": () => {},
    "cache-control": () => {},
    location(list, value, { mapUrl, status, ...asked }) {
      if (typeof value !== "string") return;
      const mapped = mapUrl(value, asked);
      if (mapped.kind === "ours") list.push("location", mapped.url);
      // A browser follows a redirect by itself, to a host on no list (ASVS 3.7.2); on a 201 or 202 it is information.
      const isInformation = status < 300 || status >= 400;
      if (mapped.kind === "foreign" && isInformation && /^https?:$/.test(mapped.protocol)) list.push("location", value);
    },
    "content-location"(list, value, { mapUrl, ...asked }) {
      const mapped = typeof value === "string" ? mapUrl(value, asked) : undefined;
      if (mapped?.kind === "ours") list.push("content-location", mapped.url);
    },
    link(list, value, { mapUrl, ...asked }) {
      for (const one of [value ?? []].flat()) {
        const links = browserLinks(one, asked, mapUrl);
        if (links !== undefined) list.push("link", links);
      }
    },
    "www-authenticate"(list, value) {
      // Any other scheme opens the browser's own password dialog on our origin; a URL may name an inner host (RFC 9728).
      if (typeof value === "string" && /^(Bearer|DPoP)\b[^,]*$/i.test(value) && !value.includes("://"))
        list.push("www-authenticate", value);
    },
    "x-accel-buffering"(list, value) {
      // nginx in front holds an event stream back without it. It changes nothing else.
      if (typeof value === "string" && /^(yes|no)$/i.test(value)) list.push("x-accel-buffering", value);
    },
  }),
);

function pushMapped(list: string[], name: string, value: HeaderValue, { mapUrl, ...asked }: ResponseFacts): void {
  for (const one of [value ?? []].flat()) {
    const mapped = mapUrlsIn(one, asked, mapUrl);
    if (mapped !== undefined) list.push(name, mapped);
  }
}

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
