// Maps request paths to file names of the SPA; rejects hidden files.
import { isBelow } from "../lib/paths.ts";

/** RFC 8615: only at the root of an origin. */
export const WELL_KNOWN = ".well-known";

/**
 * Decodes each segment once (`/a%20b.txt`, `/%40scope/x.js`). A segment that is not UTF-8, or that would contain a slash,
 * stays encoded and matches no file.
 */
export function decodePath(path: string): string {
  return path.includes("%") ? path.split("/").map(decodeSegment).join("/") : path;
}

function decodeSegment(segment: string): string {
  try {
    const decoded = decodeURIComponent(segment);
    return decoded.includes("/") ? segment : decoded;
  } catch {
    return segment;
  }
}

/**
 * Whether a segment begins with a dot, encoded or not: scanners for `/.git/config`, `/%2eenv` or `/assets%2f.env` get 404
 * instead of the SPA's page. The only exception is `/.well-known`.
 */
export function isHiddenPath(path: string): boolean {
  // Decodes ASCII escapes only, which covers dots and separators, and does not throw on malformed escapes.
  const readable = path.replace(/%([0-7][0-9a-f])/gi, (_escape, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  const [, first = "", ...rest] = readable.split(/[/\\]/);
  return (first.startsWith(".") && first !== WELL_KNOWN) || rest.some((segment) => segment.startsWith("."));
}

/** Whether index.html is served for a decoded path that matches no file. */
export function isPagePath(path: string, isNavigation: boolean): boolean {
  // Clients rely on the 404 (RFC 8615; the change-password probe requests a name that must not exist).
  if (isBelow(path, `/${WELL_KNOWN}`)) return false;
  // A navigation to `/users/jane.doe` is a page; a missing `/assets/x.js` is not, since HTML would be run as a script.
  return isNavigation || !path.includes(".", path.lastIndexOf("/"));
}
