// Did our own app send this? Decided by what the browser says of itself and by a header that no form can send.
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
 * `fetch`: our app's own calls. `form`: a form of ours may send it too. `handshake`: a WebSocket's, which can carry no
 * header of ours. `none`: guarded by other means, or static.
 */
export type CsrfRule = "fetch" | "form" | "handshake" | "none";

const RULES: ReadonlyMap<string, CsrfRule> = new Map([
  // A top-level navigation that may come from anywhere; see inspectLogin.
  ["/bff/login", "none"],
  // Comes from the provider's site; bound to this browser by `state`.
  ["/bff/callback", "none"],
  // Comes from the provider's server; bound by the signature on the logout token.
  ["/bff/backchannel-logout", "none"],
  ["/bff/logout", "form"],
  // A navigation that changes nothing here: without its cookie, which one logout of ours sets, it only leads home.
  ["/bff/logout/provider", "none"],
]);

/** Strict by default: `/bff/logout/` and `/bff/unknown` are guarded like a route. */
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

/** The whole decision. @param publicOrigin compared as a whole: suffixes and prefixes have fooled others */
export function inspectOrigin(request: IncomingMessage, rule: CsrfRule, publicOrigin: string): CsrfVerdict {
  if (rule === "none") return "ok";
  const site = headerOf(request, "sec-fetch-site");
  const origin = headerOf(request, "origin");
  // `none` (typed into the address bar) and `same-site` (a sibling host) are not our app either.
  if (site !== undefined && site !== "same-origin") return "the browser says it is not same-origin";
  if (origin !== undefined && origin !== publicOrigin) return "Origin is not the public origin";
  // Every browser sends it with a WebSocket, and no page can change it; any page may open one (ASVS 4.4.2).
  if (rule === "handshake") return origin === undefined ? "a WebSocket without Origin" : "ok";
  if (site === undefined && origin === undefined) return "neither Sec-Fetch-Site nor Origin";
  if (rule === "form" || headerOf(request, "x-csrf") === "1") return "ok";
  // EventSource cannot send a header. No image, script or form can ask for this type.
  const isEventSource =
    site === "same-origin" && request.method === "GET" && headerOf(request, "accept") === "text/event-stream";
  return isEventSource ? "ok" : "X-CSRF is missing or not 1";
}

type CsrfParts = { publicOrigin: string; metrics?: Pick<Metrics, "csrfRejected"> | undefined };

/** @throws GatewayError csrf_rejected */
export function csrf({ publicOrigin, metrics }: CsrfParts) {
  return function guardOrigin(ctx: Context, next: Next): Promise<void> {
    const rule = handshakeOf(ctx.req) === undefined ? csrfRule(ctx.req.url ?? "") : "handshake";
    const verdict = inspectOrigin(ctx.req, rule, publicOrigin);
    if (verdict === "ok") return next();
    metrics?.csrfRejected();
    throw new GatewayError("csrf_rejected", { reason: verdict });
  };
}

export type LoginVerdict = "ok" | "prefetch" | "not a top-level navigation";

/** A login may start from any link, but only because a person follows it (login CSRF, ASVS 3.5.3). */
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
      // Quietly: the browser looks ahead, and would otherwise spend a login attempt that nobody started.
      log.debug("a prefetch of the login was not followed");
      ctx.status = 204;
      return Promise.resolve();
    }
    metrics?.csrfRejected();
    throw new GatewayError("csrf_rejected", { reason: verdict });
  };
}
