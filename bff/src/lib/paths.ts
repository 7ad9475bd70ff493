// Questions about raw request paths: is this below that prefix, and which part of the gateway serves it.

export type RouteClass = "api" | "bff" | "spa";

/** Whether the raw target is `prefix` itself or below it, e.g. `/api`, `/api?x`, `/api/x`; case-sensitive. */
export function isBelow(target: string, prefix: string): boolean {
  if (!target.startsWith(prefix)) return false;
  const next = target.charCodeAt(prefix.length);
  return Number.isNaN(next) || next === 0x2f || next === 0x3f;
}

/**
 * The API forwarder, the gateway's own routes, or the app's files. `/api-keys`, `/bff-settings` and `/API` are pages of
 * the app. Routing, CSRF check, security headers, request log and return path use this function, so they cannot
 * disagree.
 */
export function routeClass(target: string): RouteClass {
  if (isBelow(target, "/api")) return "api";
  return isBelow(target, "/bff") ? "bff" : "spa";
}

/** The same rule as a regular expression, for development servers that select what they forward by a pattern. */
export const GATEWAY_PATH_PATTERN = "^/(?:api|bff)(?=[/?]|$)";
