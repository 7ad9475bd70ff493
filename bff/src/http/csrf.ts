// CSRF protection: Fetch Metadata, Origin, and the custom header X-CSRF, which forms cannot send.
import type { IncomingMessage } from "node:http";
import type { Context, Next } from "koa";
import { GatewayError } from "../errors.ts";
import type { Log } from "../logging/log.ts";
import { headerOf } from "./fetch-metadata.ts";
import { handshakeOf } from "./websocket-handshake.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { rawPath } from "./request-state.ts";
import { routeClass } from "../lib/paths.ts";

/**
 * `fetch`: requires X-CSRF. `form`: also accepts same-origin form posts. `handshake`: a WebSocket handshake, which cannot
 * have a custom header. `none`: protected by other means, or static.
 */
export type CsrfRule = "fetch" | "form" | "handshake" | "none";

const RULES: ReadonlyMap<string, CsrfRule> = new Map([
  // A top-level navigation from any site; see inspectLogin.
  ["/bff/login", "none"],
  // A redirect from the provider; `state` binds it to this browser.
  ["/bff/callback", "none"],
  // Sent by the provider's server; authenticated by the signature of the logout token.
  ["/bff/backchannel-logout", "none"],
  // Public keys.
  ["/bff/jwks.json", "none"],
  ["/bff/logout", "form"],
  // Changes no state. Without the Strict cookie that a logout sets, it redirects to the post-logout page.
  ["/bff/logout/provider", "none"],
  // The provider's redirect after a logout. Always redirects to the post-logout page.
  ["/bff/logout/return", "none"],
]);

/** Strict by default: unknown paths such as `/bff/logout/` are `fetch`. */
export function csrfRule(target: string): CsrfRule {
  const route = routeClass(target);
  if (route === "spa") return "none";
  return route === "api" ? "fetch" : (RULES.get(rawPath(target)) ?? "fetch");
}

export type CsrfVerdict =
  | "ok"
  | "the browser says it is not same-origin"
  | "Origin is not the public origin"
  | "neither Sec-Fetch-Site nor Origin"
  | "a WebSocket without Origin"
  | "X-CSRF is missing or not 1";

/** @param publicOrigin compared for equality, since prefix and suffix checks can be bypassed */
export function inspectOrigin(request: IncomingMessage, rule: CsrfRule, publicOrigin: string): CsrfVerdict {
  if (rule === "none") return "ok";
  const site = headerOf(request, "sec-fetch-site");
  const origin = headerOf(request, "origin");
  // `none` (address bar) and `same-site` (sibling host) are rejected too.
  if (site !== undefined && site !== "same-origin") return "the browser says it is not same-origin";
  if (origin !== undefined && origin !== publicOrigin) return "Origin is not the public origin";
  // Any page can open a WebSocket; every browser sends Origin with it (ASVS 4.4.2, cross-site WebSocket hijacking).
  if (rule === "handshake") return origin === undefined ? "a WebSocket without Origin" : "ok";
  if (site === undefined && origin === undefined) return "neither Sec-Fetch-Site nor Origin";
  if (rule === "form" || headerOf(request, "x-csrf") === "1") return "ok";
  // EventSource cannot send custom headers; images, scripts and forms cannot send this Accept value.
  const isEventSource =
    site === "same-origin" && request.method === "GET" && headerOf(request, "accept") === "text/event-stream";
  return isEventSource ? "ok" : "X-CSRF is missing or not 1";
}

type CsrfOptions = { publicOrigin: string; metrics?: Pick<Metrics, "csrfRejected"> | undefined };

/** @throws GatewayError csrf_rejected */
export function csrf({ publicOrigin, metrics }: CsrfOptions) {
  return function csrfGuard(ctx: Context, next: Next): Promise<void> {
    const rule = handshakeOf(ctx.req) === undefined ? csrfRule(ctx.req.url ?? "") : "handshake";
    const verdict = inspectOrigin(ctx.req, rule, publicOrigin);
    if (verdict === "ok") return next();
    metrics?.csrfRejected();
    throw new GatewayError("csrf_rejected", { reason: verdict });
  };
}

export type LoginVerdict = "ok" | "prefetch" | "not a top-level navigation";

/** Allows top-level navigations from any site, but no subresources, frames or prefetches (login CSRF, ASVS 3.5.3). */
export function inspectLogin(request: IncomingMessage): LoginVerdict {
  const purpose = `${headerOf(request, "sec-purpose") ?? ""},${headerOf(request, "purpose") ?? ""},${headerOf(request, "x-moz") ?? ""}`;
  if (/prefetch|prerender|preview/i.test(purpose)) return "prefetch";
  const destination = headerOf(request, "sec-fetch-dest");
  const mode = headerOf(request, "sec-fetch-mode");
  const isTopLevel = (destination ?? "document") === "document" && (mode ?? "navigate") === "navigate";
  return isTopLevel ? "ok" : "not a top-level navigation";
}

/** @throws GatewayError csrf_rejected */
export function loginGuard({ log, metrics }: { log: Log; metrics?: Pick<Metrics, "csrfRejected"> | undefined }) {
  return function guardLogin(ctx: Context, next: Next): Promise<void> {
    const verdict = inspectLogin(ctx.req);
    if (verdict === "ok") return next();
    if (verdict === "prefetch") {
      // A prefetch would create a login attempt without a user action.
      log.debug("prefetch of the login ignored");
      ctx.status = 204;
      return Promise.resolve();
    }
    metrics?.csrfRejected();
    throw new GatewayError("csrf_rejected", { reason: verdict });
  };
}
