// Decides which request headers are forwarded to an upstream. RESERVED ones (Cookie, Authorization, X-Forwarded-*, …) never
// are. Without `requestHeaders` in the row: all others except those that state an identity, a client address, another host,
// path or method (REJECTED). With it: the listed and the standard ones. The gateway's own: forwarded-headers.ts.
import {
  cacheByName,
  comparableName,
  isListed,
  isPlainName,
  normalizedName,
  type HeaderRules,
} from "./header-names.ts";
import { REJECTED, RESERVED } from "./request-header-tables.ts";

/** Standard headers, forwarded in addition to the names in a row's `requestHeaders`. */
export const STANDARD: ReadonlySet<string> = new Set([
  "accept",
  "accept-charset",
  "accept-encoding",
  "accept-language",
  "cache-control",
  "content-digest",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-range",
  "content-type",
  "dnt",
  "idempotency-key",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "last-event-id",
  "pragma",
  "prefer",
  "priority",
  "range",
  "repr-digest",
  "save-data",
  "traceparent",
  "tracestate",
  "upgrade-insecure-requests",
  "user-agent",
  "x-requested-with",
]);

/** Safe names that a word or stem would match. */
const EXEMPT: HeaderRules = {
  "user-agent": "the browser's name",
  "x-user-agent": "the same, from gRPC-Web",
  "x-signalr-user-agent": "the same, from SignalR",
  "x-author": "an author, not authentication",
  "hx-current-url": "the page that htmx runs on",
  "next-url": "the page that the router of Next.js comes from",
  "mcp-protocol-version": "the version of the Model Context Protocol",
  "connect-protocol-version": "the version of Connect RPC",
};

const isReservedName = isListed(RESERVED);
const isRejectedName = isListed(REJECTED);

/** Whether the name is never forwarded, in any spelling, not even if `requestHeaders` lists it. */
export function isReserved(lowerCaseName: string): boolean {
  return isReservedName(normalizedName(lowerCaseName));
}

export type RequestHeaderRules = {
  /** Lower-case names of the row's `requestHeaders`; undefined: all names that no rule rejects are forwarded. */
  allowed?: ReadonlySet<string> | undefined;
  /** Names that the gateway sets, as `comparableName` compares them: never forwarded, in any spelling. */
  ownNames?: ReadonlySet<string>;
  /** Called for names that `requestHeaders` could allow; possibly several times for one name. */
  onRejected?: (name: string) => void;
};

export function requestHeaderFilter({
  allowed,
  ownNames = new Set(),
  onRejected = () => {},
}: RequestHeaderRules): (lowerCaseName: string) => boolean {
  return cacheByName((name) => {
    if (isReserved(name) || ownNames.has(comparableName(name))) return false;
    if (allowed?.has(name) === true) return true;
    const isForwarded =
      allowed === undefined
        ? isPlainName(name) && (Object.hasOwn(EXEMPT, name) || !isRejectedName(name))
        : STANDARD.has(name);
    if (!isForwarded) onRejected(name);
    return isForwarded;
  });
}
