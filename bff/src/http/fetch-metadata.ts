// Fetch Metadata (Sec-Fetch-*): request headers that scripts cannot set or change.
import type { IncomingMessage } from "node:http";

/** @returns the header's value; Node joins repeated headers with commas, which matches no accepted value */
export function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}

/** Destinations of navigations inside another page. */
const NESTED_DESTINATIONS: ReadonlySet<string> = new Set(["iframe", "frame", "embed", "object", "fencedframe"]);

/**
 * Whether the browser shows the response as a top-level page. `Sec-Fetch-Mode` is checked first, because a service
 * worker forwards navigations with an empty `Sec-Fetch-Dest`. `Accept` is the fallback for browsers without Fetch
 * Metadata (Safari before 16.4).
 */
export function isNavigation(request: IncomingMessage): boolean {
  if (request.method !== "GET" && request.method !== "HEAD") return false;
  const mode = headerOf(request, "sec-fetch-mode");
  const destination = headerOf(request, "sec-fetch-dest");
  if (mode !== undefined) return mode === "navigate" && !NESTED_DESTINATIONS.has(destination ?? "");
  return destination === undefined ? prefersHtml(request) : destination === "document";
}

/** Whether an error should be an HTML page. Applies to all methods, since the response to a form post is a page too. */
export function wantsPage(request: IncomingMessage): boolean {
  const destination = headerOf(request, "sec-fetch-dest");
  const isForwarded = destination === "empty" && headerOf(request, "sec-fetch-mode") === "navigate";
  // Of a service worker that forwards a navigation, also one of a frame, only `Accept` says what it wants.
  return destination === undefined || isForwarded ? prefersHtml(request) : destination === "document";
}

/** Whether the response becomes a document: a page, also of a form post, or the content of a frame. */
export function isDocument(request: IncomingMessage): boolean {
  return headerOf(request, "sec-fetch-mode") === "navigate" || wantsPage(request);
}

/** Values of Sec-Fetch-Site with which browsers send SameSite=Strict cookies. */
const SAME_SITE: ReadonlySet<string> = new Set(["same-origin", "same-site", "none"]);

/**
 * Whether a page of another site has started the navigation. Browsers without Fetch Metadata (Safari before 16.4) show it by
 * `Origin` (form posts) or `Referer`.
 */
export function isCrossSite(request: IncomingMessage, publicOrigin: string): boolean {
  const site = headerOf(request, "sec-fetch-site");
  if (site !== undefined) return !SAME_SITE.has(site);
  const { origin, referer } = request.headers;
  if (origin !== undefined) return origin !== publicOrigin;
  return referer !== undefined && !(URL.canParse(referer) && new URL(referer).origin === publicOrigin);
}

/** Whether a page of a sibling host has started the navigation. Without Fetch Metadata `isCrossSite` is true for it. */
export function isSibling(request: IncomingMessage): boolean {
  return headerOf(request, "sec-fetch-site") === "same-site";
}

function prefersHtml(request: IncomingMessage): boolean {
  return headerOf(request, "accept")?.includes("text/html") === true;
}
