// Security headers of all responses, computed once. Lists are flat (name, value, …), as for writeHead.
import type { ServerResponse } from "node:http";
import type { Context, Next } from "koa";
import type { Config } from "../config/config.ts";
import { isThisMachine } from "../lib/host.ts";
import { requestState } from "./request-state.ts";

export type HeaderList = readonly string[];

/** For JSON and problems: no scripts, no loads, no framing, even if opened as a page. */
const JSON_CSP = "default-src 'none'; frame-ancestors 'none'; sandbox";

/** Headers of all responses, documents or not. */
function commonHeaders(publicOrigin: string): string[] {
  return [
    "X-Content-Type-Options",
    "nosniff",
    "Cross-Origin-Resource-Policy",
    "same-origin",
    "X-Frame-Options",
    "DENY",
    ...(isTransportSecurityUseful(publicOrigin)
      ? ["Strict-Transport-Security", "max-age=63072000; includeSubDomains"]
      : []),
  ];
}

/**
 * ASVS 3.4.1. Browsers ignore the header over plain http. It applies to all ports of a host: for a loopback host it would
 * break other development servers on the machine for two years.
 */
function isTransportSecurityUseful(publicOrigin: string): boolean {
  const { protocol, hostname } = new URL(publicOrigin);
  return protocol === "https:" && !isThisMachine(hostname);
}

/**
 * Headers that only affect documents. Other responses are sandboxed by their CSP; each additional header costs 0.5 µs per
 * API response.
 */
function pageRules(): string[] {
  return [
    // Not `no-referrer`: browsers would send `Origin: null` with same-origin form posts, and the logout form would fail CSRF.
    "Referrer-Policy",
    "same-origin",
    "Cross-Origin-Opener-Policy",
    "same-origin",
    // Requests a process that is not shared with other origins of the site.
    "Origin-Agent-Cluster",
    "?1",
    "Permissions-Policy",
    "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
  ];
}

/** For responses that are not documents: API responses and problems. The caller adds Cache-Control. */
export function securityHeaderList(publicOrigin: string): HeaderList {
  return ["Content-Security-Policy", JSON_CSP, ...commonHeaders(publicOrigin)];
}

/**
 * For the SPA. Chromium applies `form-action` to the redirects after a form post too, and a provider may redirect to
 * further origins: no form of the gateway is redirected to another origin (auth/logout.ts).
 */
export function documentHeaders(publicOrigin: string): HeaderList {
  const policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
    "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
    "require-trusted-types-for 'script'; trusted-types 'none'";
  return ["Content-Security-Policy", policy, ...commonHeaders(publicOrigin), ...pageRules()];
}

/** For the gateway's own pages: documents with one inline style sheet, and at most forms that are sent to the gateway. */
export function pageHeaders(
  publicOrigin: string,
  styleHash: string,
  formAction: "'none'" | "'self'" = "'none'",
): HeaderList {
  const policy = `default-src 'none'; style-src '${styleHash}'; base-uri 'none'; form-action ${formAction}; frame-ancestors 'none'`;
  return ["Content-Security-Policy", policy, ...commonHeaders(publicOrigin), ...pageRules()];
}

export function setHeaders(response: ServerResponse, list: HeaderList): void {
  for (let at = 0; at + 1 < list.length; at += 2) response.setHeader(list[at] ?? "", list[at + 1] ?? "");
}

/**
 * Sets the headers of responses that Koa sends. For upstreams the proxy and the error middleware write the whole head at once,
 * at a third of the cost of setting headers one by one.
 */
export function securityHeaders({ publicOrigin }: Pick<Config, "publicOrigin">) {
  const jsonHeaders = securityHeaderList(publicOrigin);
  const spaHeaders = documentHeaders(publicOrigin);
  return function setSecurityHeaders(ctx: Context, next: Next): Promise<void> {
    const { kind } = requestState(ctx).route;
    if (kind !== "upstream") {
      setHeaders(ctx.res, kind === "bff" ? jsonHeaders : spaHeaders);
      ctx.res.setHeader("X-Request-Id", requestState(ctx).requestId);
      ctx.res.setHeader("Cache-Control", "no-store");
    }
    return next();
  };
}
