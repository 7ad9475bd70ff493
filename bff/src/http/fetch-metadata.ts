// What the browser itself says about where a request comes from: headers that no page's script can set or change.
import type { IncomingMessage } from "node:http";

/** @returns the header's one value; Node joins repeated ones with commas, and those equal nothing we accept. */
export function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}

/** Destinations of navigations inside another page. */
const NESTED_DESTINATIONS: ReadonlySet<string> = new Set(["iframe", "frame", "embed", "object", "fencedframe"]);

/**
 * Whether the response becomes a page of its own. The mode decides first: a service worker that passes a navigation on
 * sends `navigate` with an empty destination. `Accept` decides for browsers without Fetch Metadata (Safari before 16.4).
 */
export function isNavigation(request: IncomingMessage): boolean {
  if (request.method !== "GET" && request.method !== "HEAD") return false;
  const mode = headerOf(request, "sec-fetch-mode");
  const destination = headerOf(request, "sec-fetch-dest");
  if (mode !== undefined) return mode === "navigate" && !NESTED_DESTINATIONS.has(destination ?? "");
  return destination === undefined ? prefersHtml(request) : destination === "document";
}

/** Whether an error is best told by a page: any method, because a form post is shown as a page too. */
export function wantsPage(request: IncomingMessage): boolean {
  const destination = headerOf(request, "sec-fetch-dest");
  return destination === undefined ? prefersHtml(request) : destination === "document";
}

function prefersHtml(request: IncomingMessage): boolean {
  return headerOf(request, "accept")?.includes("text/html") === true;
}
