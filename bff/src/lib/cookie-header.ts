// The one parser of the request header `Cookie` (RFC 6265bis): request validation and every reader use it. With
// two parsers an attack is possible: what the guard counts as one cookie, a reader may take for another (K10).
//
// The npm package `cookie` splits the header the same way, but returns an object in which the first of two equal names
// hides the second. A duplicate of our own names is the trace of an attack and must stay visible, hence our own parser.

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

/** Not `String.trim`: that also removes 0xA0 and so makes two names of one. */
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
