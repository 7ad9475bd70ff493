// CSRF protection: Fetch Metadata, Origin, and the custom header X-CSRF, which forms cannot send.
import type { IncomingMessage } from "node:http";
import type { Context, Next } from "koa";
import { GatewayError } from "../errors.ts";
import type { Log } from "../logging/log.ts";
import { bringsToken } from "./credentials.ts";
import { headerOf, isNavigation } from "./fetch-metadata.ts";
import { handshakeOf } from "./websocket-handshake.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { rawPath, requestState, type RequestState } from "./request-state.ts";
import type { Route } from "./route-table.ts";
import type { UpstreamConfig } from "../config/config.ts";
import { sessionIdFrom } from "../session/cookies.ts";

/**
 * `fetch`: requires X-CSRF, except of an EventSource. `form`: also accepts same-origin form posts. `fetch-metadata`: as
 * `fetch`, but safe methods require `Sec-Fetch-Site: same-origin` only. `pages`: as `form`, and safe top-level navigations
 * from any site. `handshake`: a WebSocket handshake, which cannot have a custom header. `none`: protected by other means, or
 * static.
 */
export type CsrfRule = "fetch" | "form" | "fetch-metadata" | "pages" | "handshake" | "none";

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
  // Sent by the browser itself, which adds no custom header.
  ["/bff/csp-reports", "form"],
  // Changes no state. Without the Strict cookie that a logout sets, it redirects to the post-logout page.
  ["/bff/logout/provider", "none"],
  // The provider's redirect after a logout. Always redirects to the post-logout page.
  ["/bff/logout/return", "none"],
]);

const RULE_OF_ROW: Readonly<Record<UpstreamConfig["csrf"], CsrfRule>> = {
  header: "fetch",
  "fetch-metadata": "fetch-metadata",
  "same-origin": "pages",
  none: "none",
};

/** Strict by default: unknown paths such as `/bff/logout/` are `fetch`. */
export function csrfRule({ kind, row }: Route, target: string): CsrfRule {
  if (kind === "pages") return "none";
  if (kind === "bff") return RULES.get(rawPath(target)) ?? "fetch";
  return row === undefined ? "fetch" : RULE_OF_ROW[row.csrf];
}

export type CsrfVerdict =
  | "ok"
  | "the browser says it is not same-origin"
  | "Origin is not the public origin"
  | "neither Sec-Fetch-Site nor Origin"
  | "a WebSocket without Origin"
  | "X-CSRF is missing or not 1";

const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** @param publicOrigin compared for equality, since prefix and suffix checks can be bypassed */
export function inspectOrigin(request: IncomingMessage, rule: CsrfRule, publicOrigin: string): CsrfVerdict {
  if (rule === "none") return "ok";
  // Opens a page, as a link does. The session cookie is SameSite=Strict: another site's navigation has none.
  if (rule === "pages" && isNavigation(request)) return "ok";
  const site = headerOf(request, "sec-fetch-site");
  const origin = headerOf(request, "origin");
  // `none` (address bar) and `same-site` (sibling host) are rejected too.
  if (site !== undefined && site !== "same-origin") return "the browser says it is not same-origin";
  // A page with `Referrer-Policy: no-referrer` (the default of Helmet) sends `Origin: null` with its own forms.
  const isOpaque = origin === "null" && site === "same-origin" && (rule === "form" || rule === "pages");
  if (origin !== undefined && origin !== publicOrigin && !isOpaque) return "Origin is not the public origin";
  // Any page can open a WebSocket; every browser sends Origin with it (ASVS 4.4.2, cross-site WebSocket hijacking).
  if (rule === "handshake") return origin === undefined ? "a WebSocket without Origin" : "ok";
  const isSafe = SAFE_METHODS.has(request.method ?? "");
  if (site === undefined && origin === undefined) {
    // Crawlers and link previews: without a session there is no authority to misuse.
    const isAnonymous = rule === "pages" && isSafe && sessionIdFrom(request.headers.cookie) === undefined;
    return isAnonymous ? "ok" : "neither Sec-Fetch-Site nor Origin";
  }
  if (rule === "form" || rule === "pages" || headerOf(request, "x-csrf") === "1") return "ok";
  // Images, downloads and media elements cannot send custom headers. An `Origin` alone does not show which page sent it.
  if (rule === "fetch-metadata" && isSafe && site === "same-origin") return "ok";
  // EventSource cannot send custom headers; images, scripts and forms cannot send this Accept value.
  const isEventSource =
    site === "same-origin" && request.method === "GET" && headerOf(request, "accept") === "text/event-stream";
  return isEventSource ? "ok" : "X-CSRF is missing or not 1";
}

type CsrfOptions = { publicOrigin: string; metrics?: Pick<Metrics, "csrfRejected"> | undefined };

/** @throws GatewayError csrf_rejected */
export function requireSameOrigin(
  request: IncomingMessage,
  { route }: Pick<RequestState, "route">,
  { publicOrigin, metrics }: CsrfOptions,
): void {
  if (route.row !== undefined && bringsToken(request, route.row)) return;
  const ruleOfPath = csrfRule(route, request.url ?? "");
  const rule = ruleOfPath === "none" || handshakeOf(request) === undefined ? ruleOfPath : "handshake";
  const verdict = inspectOrigin(request, rule, publicOrigin);
  if (verdict === "ok") return;
  metrics?.csrfRejected();
  throw new GatewayError("csrf_rejected", { reason: verdict });
}

export function csrf(options: CsrfOptions) {
  return function csrfGuard(ctx: Context, next: Next): Promise<void> {
    requireSameOrigin(ctx.req, requestState(ctx), options);
    return next();
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
