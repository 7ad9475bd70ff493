// Matching of raw request paths: prefix by whole segments.

/** See http/route-table.ts. */
export type RouteKind = "upstream" | "bff" | "pages";

/** Whether `target` is `prefix` or below it: `/api`, `/api?x`, `/api/x`, but not `/apis`. All are below `/`. Case-sensitive. */
export function isBelow(target: string, prefix: string): boolean {
  if (prefix === "/") return target.charCodeAt(0) === 0x2f;
  if (!target.startsWith(prefix)) return false;
  const next = target.charCodeAt(prefix.length);
  return Number.isNaN(next) || next === 0x2f || next === 0x3f;
}

/** Matches paths below `/api` and `/bff`, for development servers that select forwarded paths by a pattern. */
export const GATEWAY_PATH_PATTERN = "^/(?:api|bff)(?=[/?]|$)";
