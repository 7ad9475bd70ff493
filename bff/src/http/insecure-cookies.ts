// INSECURE_COOKIES=loopback: translates cookies for WebKit, which stores no Secure cookies over http, not even on localhost.
// Such browsers get copies without Secure under other names; code behind this middleware sees the real names only.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Context, Next } from "koa";
import { parseCookieHeader } from "../lib/cookie-header.ts";
import { COOKIE_PREFIX, insecureCookiePrefix } from "../session/cookies.ts";

/**
 * A browser that sends a real cookie stores Secure cookies: its insecure cookies are ignored, and it gets no new ones.
 * Chromium and Firefox therefore hold an insecure copy of their first login cookie only.
 */
export function insecureCookies({ publicOrigin }: { publicOrigin: string }) {
  const prefix = insecureCookiePrefix(publicOrigin);
  return async function translateCookies(ctx: Context, next: Next): Promise<void> {
    const isSecure = parseCookieHeader(ctx.req.headers.cookie).some(({ name }) => name.startsWith(COOKIE_PREFIX));
    if (!isSecure) acceptInsecure(ctx.req, prefix);
    try {
      await next();
    } finally {
      if (!ctx.res.headersSent) copyToInsecure(ctx.res, prefix, isSecure);
    }
  };
}

/** Copies the cookies with insecure names to the real names. */
function acceptInsecure(request: IncomingMessage, prefix: string): void {
  const { cookie } = request.headers;
  const own = parseCookieHeader(cookie)
    .filter(({ name }) => name.startsWith(prefix))
    .map(({ name, value }) => `${COOKIE_PREFIX}${name.slice(prefix.length)}=${value}`);
  if (own.length > 0) request.headers.cookie = [cookie, ...own].join("; ");
}

/** Cleared cookies are cleared under both names. */
function copyToInsecure(response: ServerResponse, prefix: string, isSecure: boolean): void {
  const lines = [response.getHeader("set-cookie") ?? []].flat().map(String);
  const copies = lines
    .filter((line) => line.startsWith(COOKIE_PREFIX) && (!isSecure || /^[^=]+=;/.test(line)))
    .map((line) => prefix + line.slice(COOKIE_PREFIX.length).replace(/; secure(?=;|$)/i, ""));
  if (copies.length > 0) response.setHeader("set-cookie", [...lines, ...copies]);
}
