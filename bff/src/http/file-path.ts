// What a request path says about a file of the app: its decoded name, and whether the file is a hidden one.
import { isBelow } from "../lib/paths.ts";

/** RFC 8615: only at the root of an origin. */
export const WELL_KNOWN = ".well-known";

/**
 * Decodes each segment once, so that `/a%20b.txt` and `/%40scope/x.js` find their files. A segment that is not UTF-8 or
 * would decode to several segments stays as it is and names no file.
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
 * Whether a segment begins with a dot, in any spelling: scanners for `/.git/config`, `/%2eenv` or `/assets%2f.env` get
 * 404 and never a page that looks like a hit. `/.well-known` itself is the only exception.
 */
export function isHiddenPath(path: string): boolean {
  // ASCII is enough: only dots and separators matter here, and this never fails on malformed escapes.
  const readable = path.replace(/%([0-7][0-9a-f])/gi, (_escape, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  const [, first = "", ...rest] = readable.split(/[/\\]/);
  return (first.startsWith(".") && first !== WELL_KNOWN) || rest.some((segment) => segment.startsWith("."));
}

/** Whether the app's page may answer for a decoded path that names no file. */
export function isPagePath(path: string, isNavigation: boolean): boolean {
  // Clients decide on the 404 there (RFC 8615; change-password probes a name that must not exist).
  if (isBelow(path, `/${WELL_KNOWN}`)) return false;
  // `/users/jane.doe` is a page, a missing `/assets/x.js` is not: the browser would run HTML as a script.
  return isNavigation || !path.includes(".", path.lastIndexOf("/"));
}
