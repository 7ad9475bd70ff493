// The gateway's cookies: names, attributes, and reading them so that a tossed duplicate is never believed.

/** The prefix of RFC 10017 §6.1.3.2; it also satisfies `__Host-`, so no sibling host and no script can plant it. */
export const SESSION_COOKIE = "__Host-Http-session";
/** One per login attempt, so that tabs that log in at once do not clobber each other. */
export const LOGIN_COOKIE_PREFIX = "__Host-Http-login-";

/** From our logout to the provider's; see auth/provider-logout.ts. */
export const LOGOUT_COOKIE = "__Host-Http-logout";

const SESSION_ID = /^[A-Za-z0-9_-]{43}$/;

/** @returns the session id of a Cookie header, or undefined where there is none that could be one of ours. */
export function sessionIdFrom(cookieHeader: string | undefined): string | undefined {
  const value = cookieValue(cookieHeader, SESSION_COOKIE);
  return value !== undefined && SESSION_ID.test(value) ? value : undefined;
}

/** @returns the first value of that name; the front guard has refused requests that carry one of ours twice. */
export function cookieValue(cookieHeader: string | undefined, name: string): string | undefined {
  if (cookieHeader === undefined) return undefined;
  for (let at = cookieHeader.indexOf(name); at !== -1; at = cookieHeader.indexOf(name, at + 1)) {
    if (at > 0 && cookieHeader[at - 1] !== " " && cookieHeader[at - 1] !== ";") continue;
    if (cookieHeader[at + name.length] !== "=") continue;
    const end = cookieHeader.indexOf(";", at);
    return cookieHeader.slice(at + name.length + 1, end === -1 ? undefined : end).trim();
  }
  return undefined;
}

/** Names of the login cookies that came along, in the order of their age: the name begins with its time. */
export function loginCookieNames(cookieHeader: string | undefined): string[] {
  return (cookieHeader ?? "")
    .split(";")
    .map((pair) => pair.slice(0, Math.max(pair.indexOf("="), 0)).trim())
    .filter((name) => name.startsWith(LOGIN_COOKIE_PREFIX))
    .toSorted();
}

const COMMON = { secure: true, httpOnly: true, path: "/", signed: false, overwrite: true } as const;

/** Strict: the document after the callback is static, and its own fetch is same-site. */
export const sessionCookieAttributes = { ...COMMON, sameSite: "strict" } as const;
/** Lax: must come along when the provider sends the browser back. */
export const loginCookieAttributes = { ...COMMON, sameSite: "lax" } as const;
/** Strict: our own page leads there. */
export const logoutCookieAttributes = { ...COMMON, sameSite: "strict" } as const;
