// INSECURE_COOKIES=loopback: WebKit stores no Secure cookie over http, not even on localhost. This middleware gives such
// a browser a second set of cookies without Secure, under other names. Everything behind it knows the real ones only.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Context, Next } from "koa";
import { parseCookieHeader } from "../lib/cookie-header.ts";
import { COOKIE_PREFIX, insecureCookiePrefix } from "../session/cookies.ts";

/**
 * A browser that sends one real cookie stores Secure cookies: its insecure ones are ignored, and it gets no new ones.
 * Chromium and Firefox thus only ever hold an insecure copy of their first login cookie.
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

/** A cookie that is cleared is cleared under both names, whatever the browser sent. */
function copyToInsecure(response: ServerResponse, prefix: string, isSecure: boolean): void {
  const lines = [response.getHeader("set-cookie") ?? []].flat().map(String);
  const copies = lines
    .filter((line) => line.startsWith(COOKIE_PREFIX) && (!isSecure || /^[^=]+=;/.test(line)))
    .map((line) => prefix + line.slice(COOKIE_PREFIX.length).replace(/; secure(?=;|$)/i, ""));
  if (copies.length > 0) response.setHeader("set-cookie", [...lines, ...copies]);
}
