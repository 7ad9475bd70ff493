// Cookies of server-rendered apps (rows with `csrf: same-origin`): all except those of the gateway cross in both directions.
import { parseCookieHeader } from "../lib/cookie-header.ts";

/** Prefixes of the gateway's cookies (session/cookies.ts), compared as browsers compare cookie prefixes: without case. */
const OWN = /^(?:__Host-Http-|cloakroom-\d+-)/i;
/** Cheaper than the parser, for requests without one of them. */
const MENTIONS_OWN = /__Host-Http-|cloakroom-/i;

/** @returns the `Cookie` header for the app (I1: without the session id); undefined if no cookie is left */
export function appCookies(header: string | undefined): string | undefined {
  if (header === undefined || !MENTIONS_OWN.test(header)) return header;
  const cookies = parseCookieHeader(header).filter(({ name }) => !OWN.test(name));
  if (cookies.length === 0) return undefined;
  return cookies.map(({ name, value }) => (name === "" ? value : `${name}=${value}`)).join("; ");
}

/**
 * A cookie that the app sets, without `Domain`: it stays on this host.
 * @returns undefined for a cookie with a name of the gateway's (session fixation), and for one without a name, whose value
 * some browsers send as name and value
 */
export function appSetCookie(line: string): string | undefined {
  const [pair = "", ...attributes] = line.split(";");
  const equals = pair.indexOf("=");
  // RFC 6265bis: browsers trim blanks and tabs only.
  const name = pair.slice(0, Math.max(0, equals)).replace(/^[ \t]+|[ \t]+$/g, "");
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || OWN.test(name)) return undefined;
  return [pair, ...attributes.filter((attribute) => !/^\s*domain\s*(?:=|$)/i.test(attribute))].join(";");
}
