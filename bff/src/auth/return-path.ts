// Return path: validates where a login leads to (open redirect).
import { routeClass } from "../lib/paths.ts";

/** The sealed state that contains it must fit into a URL. */
const MAX_LENGTH = 1_024;

/**
 * @returns the path with query and fragment in canonical form, or undefined for other origins, `//host`,
 * `/\host`, control characters, and the gateway's own endpoints
 */
export function returnPath(value: string, publicOrigin: string): string | undefined {
  if (value.length > MAX_LENGTH || !value.startsWith("/") || /^\/[/\\]/.test(value)) return undefined;
  // Browsers remove tabs and newlines and treat backslashes as slashes before they parse the host (CVE-2020-5233).
  if (/[\\\p{Cc}\p{Z}\ufeff]/u.test(value)) return undefined;
  if (!URL.canParse(value, publicOrigin)) return undefined;
  const url = new URL(value, publicOrigin);
  if (url.origin !== publicOrigin || url.pathname.startsWith("//")) return undefined;
  if (routeClass(url.pathname) !== "spa") return undefined;
  const canonical = url.pathname + url.search + url.hash;
  // Percent-encoding makes it longer.
  return canonical.length > MAX_LENGTH ? undefined : canonical;
}
