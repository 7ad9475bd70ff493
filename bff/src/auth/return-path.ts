// Where a login may lead to: a path of our own origin and nothing that a browser could read as more than that.
import { routeClass } from "../lib/paths.ts";

/** Long enough for a page with its query; the sealed state that carries it must fit into a URL. */
const MAX_LENGTH = 1_024;

/**
 * @returns the path with query and fragment in canonical form, or undefined for everything else: other origins,
 * `//host`, `/\host`, control characters, and the gateway's own endpoints.
 */
export function returnPath(value: string, publicOrigin: string): string | undefined {
  if (value.length > MAX_LENGTH || !value.startsWith("/") || /^\/[/\\]/.test(value)) return undefined;
  // Browsers drop tabs and newlines and turn backslashes around before they look for the host (CVE-2020-5233).
  if (/[\\\p{Cc}\p{Z}\ufeff]/u.test(value)) return undefined;
  if (!URL.canParse(value, publicOrigin)) return undefined;
  const url = new URL(value, publicOrigin);
  if (url.origin !== publicOrigin || url.pathname.startsWith("//")) return undefined;
  if (routeClass(url.pathname) !== "spa") return undefined;
  const canonical = url.pathname + url.search + url.hash;
  // Escaping makes it longer.
  return canonical.length > MAX_LENGTH ? undefined : canonical;
}
