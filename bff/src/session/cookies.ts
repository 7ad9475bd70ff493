// The gateway's cookies: names, attributes, and which value of a `Cookie` header counts.
import { parseCookieHeader } from "../lib/cookie-header.ts";

/** The prefix of RFC 10017 §6.1.3.2 includes `__Host-`: browsers that enforce it take no such cookie from a sibling host. */
export const SESSION_COOKIE = "__Host-Http-session";
/** One per login attempt, so that tabs that log in at once do not clobber each other. */
export const LOGIN_COOKIE_PREFIX = "__Host-Http-login-";

/** From our logout to the provider's; see auth/provider-logout.ts. */
export const LOGOUT_COOKIE = "__Host-Http-logout";

/** What all of them begin with. */
export const COOKIE_PREFIX = "__Host-Http-";

/** See http/insecure-cookies.ts. Names the port: cookies do not know ports, and each localhost has many applications. */
export function insecureCookiePrefix(publicOrigin: string): string {
  const { port } = new URL(publicOrigin);
  return `cloakroom-${port === "" ? "80" : port}-`;
}

const SESSION_COOKIE_LINE = /^(?:__Host-Http-|cloakroom-\d+-)session=/;

/** Whether a Set-Cookie line sets or clears the session cookie, under whichever name. */
export function isSessionCookieLine(line: string): boolean {
  return SESSION_COOKIE_LINE.test(line);
}

const SESSION_ID = /^[A-Za-z0-9_-]{43}$/;
/** The id of a login attempt, as auth/login-attempt.ts makes it. */
const LOGIN_COOKIE = /^__Host-Http-login-[a-z0-9]{7}[a-f0-9]{8}$/;

/** @returns the session id of a Cookie header, or undefined if there is none that could be one of ours. */
export function sessionIdFrom(cookieHeader: string | undefined): string | undefined {
  const value = cookieValue(cookieHeader, SESSION_COOKIE);
  return value !== undefined && SESSION_ID.test(value) ? value : undefined;
}

/** @returns undefined for a name that is absent or occurs twice: a planted duplicate never selects anything (I3). */
export function cookieValue(cookieHeader: string | undefined, name: string): string | undefined {
  // Spares the parser where the name is not even mentioned.
  if (cookieHeader?.includes(name) !== true) return undefined;
  const [cookie, duplicate] = parseCookieHeader(cookieHeader).filter((each) => each.name === name);
  return duplicate === undefined ? cookie?.value : undefined;
}

/** Names of the login cookies in the header, oldest first: the name begins with its time. */
export function loginCookieNames(cookieHeader: string | undefined): string[] {
  return parseCookieHeader(cookieHeader)
    .map(({ name }) => name)
    .filter((name) => LOGIN_COOKIE.test(name))
    .toSorted();
}

/** Names of ours that the header holds more than once. */
export function duplicateCookieNames(cookieHeader: string | undefined): string[] {
  if (cookieHeader?.includes(COOKIE_PREFIX) !== true) return [];
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const { name } of parseCookieHeader(cookieHeader)) {
    if (seen.has(name) && isOurs(name)) twice.add(name);
    seen.add(name);
  }
  return [...twice];
}

function isOurs(name: string): boolean {
  return name === SESSION_COOKIE || name === LOGOUT_COOKIE || LOGIN_COOKIE.test(name);
}

const COMMON = { secure: true, httpOnly: true, path: "/", signed: false, overwrite: true } as const;

/** Strict: the document after the callback is static, and its own fetch is same-site. */
export const sessionCookieAttributes = { ...COMMON, sameSite: "strict" } as const;
/** Lax: must come along when the provider sends the browser back. */
export const loginCookieAttributes = { ...COMMON, sameSite: "lax" } as const;
/** Strict: our own page leads there. */
export const logoutCookieAttributes = { ...COMMON, sameSite: "strict" } as const;
