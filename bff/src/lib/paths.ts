// Matching of raw request paths: prefix by whole segments, and the route class of a request.

export type RouteClass = "api" | "bff" | "spa";

/** Whether `target` is `prefix` or below it: `/api`, `/api?x`, `/api/x`, but not `/apis`. Case-sensitive. */
export function isBelow(target: string, prefix: string): boolean {
  if (!target.startsWith(prefix)) return false;
  const next = target.charCodeAt(prefix.length);
  return Number.isNaN(next) || next === 0x2f || next === 0x3f;
}

/**
 * `api`: forwarded to an upstream; `bff`: a route of the gateway; `spa`: a file or page of the app, such as `/api-keys`
 * and `/API`. Routing, CSRF check, security headers, request log and return path all use this function.
 */
export function routeClass(target: string): RouteClass {
  if (isBelow(target, "/api")) return "api";
  return isBelow(target, "/bff") ? "bff" : "spa";
}

/** Matches the route classes `api` and `bff`, for development servers that select forwarded paths by a pattern. */
export const GATEWAY_PATH_PATTERN = "^/(?:api|bff)(?=[/?]|$)";
