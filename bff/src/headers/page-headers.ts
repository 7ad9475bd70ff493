// Headers of server-rendered pages (rows with `csrf: same-origin`). The app behind the row is the app of the public origin, so
// that policies for its pages are its own; the gateway adds defaults for those that it does not send.
import type { IncomingHttpHeaders } from "node:http";
import { appCookies } from "./page-cookies.ts";

/** Response headers that only the app of the origin may send. On other rows they are left out, see response-header-rules.ts. */
const PAGE_HEADERS: ReadonlySet<string> = new Set([
  "accept-ch",
  "content-security-policy",
  "content-security-policy-report-only",
  "critical-ch",
  "cross-origin-embedder-policy",
  "cross-origin-embedder-policy-report-only",
  "cross-origin-opener-policy",
  "cross-origin-opener-policy-report-only",
  "cross-origin-resource-policy",
  "document-policy",
  "origin-agent-cluster",
  "origin-trial",
  "permissions-policy",
  "referrer-policy",
  "refresh",
  "report-to",
  "reporting-endpoints",
  "service-worker-allowed",
  "sourcemap",
  "speculation-rules",
  "timing-allow-origin",
  "x-dns-prefetch-control",
  "x-frame-options",
]);

export const isPageHeader = (name: string): boolean => PAGE_HEADERS.has(name);

/** Names of `pageRequestHeaders`. */
const PAGE_REQUEST_HEADERS: ReadonlySet<string> = new Set(["cookie", "origin", "referer"]);

export const isPageRequestHeader = (name: string): boolean => PAGE_REQUEST_HEADERS.has(name);

/**
 * Request headers that only the app of the origin receives: its cookies, `Origin` for its own CSRF check, and `Referer`, except
 * of the gateway's own pages, whose URLs contain parameters of logins.
 */
export function pageRequestHeaders({ cookie, origin, referer }: IncomingHttpHeaders, publicOrigin: string): string[] {
  const list: string[] = [];
  const cookies = appCookies(cookie);
  if (cookies !== undefined) list.push("cookie", cookies);
  if (origin !== undefined) list.push("origin", origin);
  if (referer !== undefined && !referer.startsWith(`${publicOrigin}/bff`)) list.push("referer", referer);
  return list;
}

/** @param defaults a flat list. @returns those that the response does not replace */
export function pageDefaults(defaults: readonly string[], received: IncomingHttpHeaders): string[] {
  const list: string[] = [];
  for (let at = 0; at + 1 < defaults.length; at += 2) {
    const [name = "", value = ""] = [defaults[at], defaults[at + 1]];
    if (!isReplaced(name.toLowerCase(), received)) list.push(name, value);
  }
  return list;
}

function isReplaced(name: string, received: IncomingHttpHeaders): boolean {
  if (!isPageHeader(name)) return false;
  if (received[name] !== undefined) return true;
  // Browsers ignore X-Frame-Options beside frame-ancestors.
  return name === "x-frame-options" && /frame-ancestors/i.test(String(received["content-security-policy"] ?? ""));
}

/**
 * Cache-Control of a page row. Documents and data depend on the user, also where one is anonymous. A file that the app calls
 * `immutable` has a content hash in its name: browsers keep it, shared caches only if the request was anonymous (I3).
 */
export function pageCacheControl(headers: IncomingHttpHeaders, isAnonymous: boolean): string {
  const { "cache-control": value, "content-type": type = "", "set-cookie": cookies } = headers;
  if (value === undefined || /\bno-store\b/i.test(value)) return "no-store";
  const isFile = !/^text\/html|^text\/x-component|json/i.test(type) && cookies === undefined;
  const age = /\bmax-age="?(\d+)/i.exec(value)?.[1];
  if (!isFile || age === undefined || !/\bimmutable\b/i.test(value)) return "private, no-cache";
  return isAnonymous ? value : `private, max-age=${age}, immutable`;
}
