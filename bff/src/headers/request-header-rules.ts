// Which of the browser's headers reach an upstream: by the tables, and by what a row opens.
import { isListed, isPlainName, normalizedName, rememberVerdicts, type HeaderRules } from "./header-names.ts";
import { REFUSED, RESERVED } from "./request-header-tables.ts";

/** What crosses where the row's `requestHeaders` lists the rest: what browsers, fetch and HTTP itself use. */
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

/** Harmless names that a word or a stem would refuse. */
const EXEMPT: HeaderRules = {
  "user-agent": "the browser's name",
  "x-user-agent": "the same, from gRPC-Web",
  "x-signalr-user-agent": "the same, from SignalR",
  "x-author": "not an authentication",
  "hx-current-url": "the page that htmx runs on",
  "next-url": "the page that the router of Next.js comes from",
  "mcp-protocol-version": "the version of the Model Context Protocol",
  "connect-protocol-version": "the version of Connect RPC",
};

const isReservedName = isListed(RESERVED);
const isRefusedName = isListed(REFUSED);

/** Whether not even a row's `requestHeaders` may let this name cross, in whatever spelling. */
export function isReserved(lowerCaseName: string): boolean {
  return isReservedName(normalizedName(lowerCaseName));
}

/**
 * @param opened lower-case names of the row's `requestHeaders`; undefined: everything crosses that no rule refuses
 * @param onRefused called for a name that the row could open; a name may come again
 */
export function requestHeaderFilter(
  opened: ReadonlySet<string> | undefined,
  onRefused: (name: string) => void = () => {},
): (lowerCaseName: string) => boolean {
  return rememberVerdicts((name) => {
    if (isReserved(name)) return false;
    if (opened?.has(name) === true) return true;
    const crosses =
      opened === undefined
        ? isPlainName(name) && (Object.hasOwn(EXEMPT, name) || !isRefusedName(name))
        : STANDARD.has(name);
    if (!crosses) onRefused(name);
    return crosses;
  });
}
