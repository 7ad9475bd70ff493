// Security headers of the provider's pages, and their static assets.
import { readFileSync } from "node:fs";
import type { Middleware } from "koa";
import type { Client } from "oidc-provider";

const asset = (name: string) => readFileSync(new URL(`./assets/${name}`, import.meta.url));

const ASSETS: Record<string, { type: string; bytes: Buffer }> = {
  "/assets/provider.css": { type: "text/css; charset=utf-8", bytes: asset("provider.css") },
  "/assets/submit.js": { type: "text/javascript; charset=utf-8", bytes: asset("submit.js") },
};

export function assets(): Middleware {
  return async function assetRoutes(ctx, next) {
    const asset = Object.hasOwn(ASSETS, ctx.path) ? ASSETS[ctx.path] : undefined;
    if (asset === undefined) return next();
    ctx.set("content-type", asset.type);
    ctx.set("x-content-type-options", "nosniff");
    ctx.body = asset.bytes;
  };
}

/**
 * `form-action` includes the client's origins, because Chromium applies it to the redirects after a form submission
 * too.
 */
export function pageHeaders(client: Client | undefined): Record<string, string> {
  const uris = [...(client?.redirectUris ?? []), ...(client?.postLogoutRedirectUris ?? [])];
  const targets = new Set(uris.map((uri) => new URL(uri).origin));
  return {
    "content-security-policy": [
      "default-src 'none'",
      "style-src 'self'",
      "script-src 'self'",
      "img-src data:",
      "base-uri 'none'",
      "frame-ancestors 'none'",
      ["form-action 'self'", ...targets].join(" "),
    ].join("; "),
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
  };
}
