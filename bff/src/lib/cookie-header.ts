// Parser of the `Cookie` request header (RFC 6265bis), used by request validation and by every reader. Two parsers that
// disagree would let a cookie pass validation under one name and be read under another.
//
// The npm package `cookie` splits the header the same way, but returns an object, which drops duplicate names. A
// duplicate of a gateway cookie indicates an attack (cookie tossing) and must be reported to the caller.

export type Cookie = { name: string; value: string };

/**
 * Splits at `;`, trims SP and HTAB only, takes everything after the first `=` as the value, unquoted and undecoded.
 * A pair without `=` has an empty name. Names are case-sensitive. Several header lines arrive joined with `; ` (Node).
 */
export function parseCookieHeader(header: string | undefined): Cookie[] {
  const cookies: Cookie[] = [];
  if (header === undefined) return cookies;
  for (const pair of header.split(";")) {
    const equals = pair.indexOf("=");
    const name = equals === -1 ? "" : trimBlanks(pair.slice(0, equals));
    const value = trimBlanks(equals === -1 ? pair : pair.slice(equals + 1));
    if (name !== "" || value !== "") cookies.push({ name, value });
  }
  return cookies;
}

/** `String.trim` also removes 0xA0, so two different names would become equal. */
function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
