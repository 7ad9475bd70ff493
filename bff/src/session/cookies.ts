// The gateway's cookies: names, attributes, and how their values are read from a `Cookie` header.
import { parseCookieHeader } from "../lib/cookie-header.ts";

/** `__Host-Http-` includes `__Host-`: browsers that enforce it accept no such cookie from a sibling host (RFC 10017 §6.1.3.2). */
export const SESSION_COOKIE = "__Host-Http-session";
/** One cookie per login attempt, so that several tabs can log in at the same time. */
export const LOGIN_COOKIE_PREFIX = "__Host-Http-login-";

/** Holds state and ID token hint between the two requests of a logout; see auth/provider-logout.ts. */
export const LOGOUT_COOKIE = "__Host-Http-logout";
/** Holds the state of a logout while the browser is at the provider. */
export const LOGOUT_RETURN_COOKIE = "__Host-Http-logout-return";

/** Whether the app may start a silent login; see auth/silent-login.ts. */
export const SILENT_LOGIN_COOKIE = "__Host-Http-silent-login";

/** What the gateway has done for a navigation to a server-rendered page; see http/page-navigation.ts. */
export const NAVIGATION_COOKIE = "__Host-Http-navigation";

/** Prefix of all of them. */
export const COOKIE_PREFIX = "__Host-Http-";

/** Prefix with INSECURE_COOKIES, see http/insecure-cookies.ts. Contains the port, because cookies ignore ports. */
export function insecureCookiePrefix(publicOrigin: string): string {
  const { port } = new URL(publicOrigin);
  return `cloakroom-${port === "" ? "80" : port}-`;
}

const SESSION_COOKIE_LINE = /^(?:__Host-Http-|cloakroom-\d+-)session=/;

/** Whether a Set-Cookie line sets or clears the session cookie, under either name. */
export function isSessionCookieLine(line: string): boolean {
  return SESSION_COOKIE_LINE.test(line);
}

const SESSION_ID = /^[A-Za-z0-9_-]{43}$/;
/** Ends in the id of a login attempt; see auth/login-attempt.ts. */
const LOGIN_COOKIE = /^__Host-Http-login-[a-z0-9]{7}[a-f0-9]{8}$/;

/** @returns the session id in the header, undefined if it is absent, duplicated or malformed */
export function sessionIdFrom(cookieHeader: string | undefined): string | undefined {
  const value = cookieValue(cookieHeader, SESSION_COOKIE);
  return value !== undefined && SESSION_ID.test(value) ? value : undefined;
}

/** @returns undefined for a cookie that is absent or occurs twice: a planted duplicate never selects a session (I3) */
export function cookieValue(cookieHeader: string | undefined, name: string): string | undefined {
  // Skips the parser for most requests without the cookie.
  if (cookieHeader?.includes(name) !== true) return undefined;
  const [cookie, duplicate] = parseCookieHeader(cookieHeader).filter((each) => each.name === name);
  return duplicate === undefined ? cookie?.value : undefined;
}

/** Names of the login cookies in the header, oldest first: the id begins with the time of the attempt. */
export function loginCookieNames(cookieHeader: string | undefined): string[] {
  return parseCookieHeader(cookieHeader)
    .map(({ name }) => name)
    .filter((name) => LOGIN_COOKIE.test(name))
    .toSorted();
}

/** Names of the gateway's cookies that occur more than once in the header. */
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

const FIXED_NAMES: ReadonlySet<string> = new Set([
  SESSION_COOKIE,
  LOGOUT_COOKIE,
  LOGOUT_RETURN_COOKIE,
  SILENT_LOGIN_COOKIE,
  NAVIGATION_COOKIE,
]);

function isOurs(name: string): boolean {
  return FIXED_NAMES.has(name) || LOGIN_COOKIE.test(name);
}

const COMMON = { secure: true, httpOnly: true, path: "/", signed: false, overwrite: true } as const;

/** Strict: the page after the callback is static, and its requests are same-site. */
export const sessionCookieAttributes = { ...COMMON, sameSite: "strict" } as const;
/** Lax: sent with the provider's redirect to the callback. */
export const loginCookieAttributes = { ...COMMON, sameSite: "lax" } as const;
/** Strict: read by /bff/user only. */
export const silentLoginCookieAttributes = { ...COMMON, sameSite: "strict" } as const;
/** Strict: sent only with a navigation that a page of ours starts. */
export const logoutCookieAttributes = { ...COMMON, sameSite: "strict" } as const;
/** Lax: sent with a navigation for which the browser withholds the session cookie. */
export const navigationCookieAttributes = { ...COMMON, sameSite: "lax" } as const;
/** Lax: sent with the provider's redirect after a logout. */
export const logoutReturnCookieAttributes = { ...COMMON, sameSite: "lax" } as const;
