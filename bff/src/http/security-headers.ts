// The headers that every answer carries, computed once. Lists are flat (name, value, …), as writeHead takes them.
import type { ServerResponse } from "node:http";
import type { Context, Next } from "koa";
import type { Config } from "../config/config.ts";
import { isThisMachine } from "../lib/host.ts";
import { requestState } from "./request-state.ts";
import { routeClass } from "../lib/paths.ts";

export type HeaderList = readonly string[];

/** For JSON and problems: nothing in them may ever run, load or be framed, even when opened as a page. */
const ANSWER_CSP = "default-src 'none'; frame-ancestors 'none'; sandbox";

/** What every answer of this origin needs, whatever its kind. */
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
 * ASVS 3.4.1. Browsers ignore the header over plain http. It applies to a host name with all its ports: on a loopback
 * host it would break every other development server there for two years.
 */
function isTransportSecurityUseful(publicOrigin: string): boolean {
  const { protocol, hostname } = new URL(publicOrigin);
  return protocol === "https:" && !isThisMachine(hostname);
}

/**
 * What only a document can make use of. An answer that is opened as one is sandboxed and runs nothing: there they would
 * be without effect, and each costs every API call half a microsecond.
 */
function pageRules(): string[] {
  return [
    // Not `no-referrer`: with it browsers send `Origin: null` on our own form posts, and logout would fail CSRF.
    "Referrer-Policy",
    "same-origin",
    "Cross-Origin-Opener-Policy",
    "same-origin",
    // No process may be shared with another origin of the same site.
    "Origin-Agent-Cluster",
    "?1",
    "Permissions-Policy",
    "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
  ];
}

/** For everything that is not a document: API answers and problems. Cache-Control is the writer's to add. */
export function securityHeaderList(publicOrigin: string): HeaderList {
  return ["Content-Security-Policy", ANSWER_CSP, ...commonHeaders(publicOrigin)];
}

/** For the SPA. `form-action` names the provider because Chromium holds the logout form's redirect to it. */
export function documentHeaders(publicOrigin: string, issuer: string): HeaderList {
  const policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
    `manifest-src 'self'; base-uri 'none'; form-action 'self' ${new URL(issuer).origin}; frame-ancestors 'none'; ` +
    "require-trusted-types-for 'script'; trusted-types 'none'";
  return ["Content-Security-Policy", policy, ...commonHeaders(publicOrigin), ...pageRules()];
}

/** For a document of our own with exactly one style sheet inside and nothing else. */
export function pageHeaders(publicOrigin: string, styleHash: string): HeaderList {
  const policy = `default-src 'none'; style-src '${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
  return ["Content-Security-Policy", policy, ...commonHeaders(publicOrigin), ...pageRules()];
}

export function setHeaders(response: ServerResponse, list: HeaderList): void {
  for (let at = 0; at + 1 < list.length; at += 2) response.setHeader(list[at] ?? "", list[at + 1] ?? "");
}

/**
 * Puts the headers on what Koa answers. Under /api nothing is set here: the forwarder and the error answer write the
 * whole head in one go, which costs a third of setting header by header.
 */
export function securityHeaders({ publicOrigin, provider }: Pick<Config, "publicOrigin" | "provider">) {
  const forAnswers = securityHeaderList(publicOrigin);
  const forDocuments = documentHeaders(publicOrigin, provider.issuer);
  return function setSecurityHeaders(ctx: Context, next: Next): Promise<void> {
    const route = routeClass(ctx.req.url ?? "");
    if (route !== "api") {
      setHeaders(ctx.res, route === "bff" ? forAnswers : forDocuments);
      ctx.res.setHeader("X-Request-Id", requestState(ctx).requestId);
      ctx.res.setHeader("Cache-Control", "no-store");
    }
    return next();
  };
}
