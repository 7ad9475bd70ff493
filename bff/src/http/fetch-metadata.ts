// What the browser itself says about where a request comes from: headers that no page's script can set or change.
import type { IncomingMessage } from "node:http";

/** @returns the header's one value; Node joins repeated ones with commas, and those equal nothing we accept. */
export function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}

/** Whether a person is looking at the answer as a page of its own. */
export function isNavigation(request: IncomingMessage): boolean {
  if (request.method !== "GET" && request.method !== "HEAD") return false;
  const destination = headerOf(request, "sec-fetch-dest");
  if (destination !== undefined) return destination === "document";
  return prefersHtml(request);
}

/** Whether an error is best told by a page: any method, because a form post is shown as a page too. */
export function wantsPage(request: IncomingMessage): boolean {
  const destination = headerOf(request, "sec-fetch-dest");
  return destination === undefined ? prefersHtml(request) : destination === "document";
}

function prefersHtml(request: IncomingMessage): boolean {
  return headerOf(request, "accept")?.includes("text/html") === true;
}
