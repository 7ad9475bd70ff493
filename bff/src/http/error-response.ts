// Error middleware: turns every error into one response, an RFC 9457 problem or, for navigations, an HTML page.
import { randomUUID } from "node:crypto";
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from "node:http";
import type { Context, Next } from "koa";
import { ERRORS, EXPLANATIONS, GatewayError, type ErrorCode, type Problem } from "../errors.ts";
import { codeOf, kindOfCode } from "../lib/network-errors.ts";
import type { Log, SecurityEvent } from "../logging/log.ts";
import { isSessionCookieLine } from "../session/cookies.ts";
import { languagesOf } from "./request-state.ts";
import type { Pages } from "./pages.ts";
import { wantsPage } from "./fetch-metadata.ts";
import { rawPath, requestState, type RequestState } from "./request-state.ts";
import type { Route, RouteTable } from "./route-table.ts";
import { securityHeaderList, pageHeaders, type HostPolicy } from "./security-headers.ts";
import { endResponse, isUploading } from "./early-response.ts";

/** Navigation targets: their errors are pages. */
const PAGES: ReadonlySet<string> = new Set([
  "/bff/login",
  "/bff/callback",
  "/bff/logout",
  "/bff/logout/provider",
  "/bff/logout/return",
]);

/** RFC 9110 §15.5.2 requires a challenge with a 401. Browsers open no password dialog for an unknown scheme. */
const CHALLENGE = 'Cloakroom realm="session"';

/** Headers set before the error that are kept: a cleared login cookie must stay cleared. */
const KEPT_HEADERS: ReadonlySet<string> = new Set(["set-cookie", "connection"]);

/** Rejections that can indicate an attack: logged as security events. */
const EVENTS: Partial<Record<ErrorCode, SecurityEvent>> = {
  csrf_rejected: "csrf_rejected",
  request_malformed: "request_rejected",
  method_not_allowed: "request_rejected",
  http_version_not_supported: "request_rejected",
  payload_too_large: "request_rejected",
  forbidden: "forbidden",
  invalid_token: "access_token_rejected",
  invalid_dpop_proof: "access_token_rejected",
  insufficient_scope: "forbidden",
  login_failed: "login_failed",
  step_up_failed: "login_failed",
};

/** @returns values of `WWW-Authenticate` */
export function challengesOf({ status, challenges }: GatewayError): readonly string[] {
  return challenges ?? (status === 401 ? [CHALLENGE] : []);
}

export function problemOf(error: GatewayError, requestId: string): Problem {
  const { code, status, loginUrl, explanation, endReason } = error;
  return {
    type: "about:blank",
    title: STATUS_CODES[status] ?? "Error",
    status,
    detail: explanation === undefined ? ERRORS[code].detail : EXPLANATIONS[explanation].detail,
    code,
    requestId,
    ...(endReason === undefined ? {} : { reason: endReason }),
    ...(loginUrl === undefined ? {} : { loginUrl }),
  };
}

type ErrorResponseDependencies = { log: Log; routes: RouteTable; pages: Pages } & HostPolicy;

/**
 * The outermost middleware. Koa's own error handler would remove all headers, security headers and Set-Cookie included.
 */
export function errorResponse({ log, routes, pages, ...host }: ErrorResponseDependencies) {
  const forProblems = [...securityHeaderList(host), "Content-Type", "application/problem+json; charset=utf-8"];
  const forPages = pageHeaders(host, pages.sources("error"));

  const respond = (ctx: Context, error: GatewayError): void => {
    const { req, res } = ctx;
    const { requestId, returnPath, rateLimit = [] } = requestState(ctx);
    const { code, explanation } = error;
    const { route } = requestState(ctx);
    const isPage = (explanation !== undefined || hasPages(route, error, req.url)) && wantsPage(req);
    const target = req.method === "GET" ? req.url : undefined;
    const isRendered = route.row !== undefined;
    const shown = { code, explanation, requestId, returnPath, target, isRendered, status: error.status };
    const page = isPage ? pages.error(languagesOf(ctx), shown) : undefined;
    const body = page?.html ?? JSON.stringify(problemOf(error, requestId));
    for (const name of res.getHeaderNames()) if (!KEPT_HEADERS.has(name)) res.removeHeader(name);
    if (error.status === 503) keepSessionCookie(res);
    const head = [
      ...(page === undefined ? forProblems : [...forPages, ...page.headers]),
      "Cache-Control",
      "no-store",
      "X-Request-Id",
      requestId,
    ];
    head.push("Content-Length", String(Buffer.byteLength(body)));
    for (const challenge of challengesOf(error)) head.push("WWW-Authenticate", challenge);
    head.push(...rateLimit);
    if (error.retryAfterSeconds !== undefined) head.push("Retry-After", String(error.retryAfterSeconds));
    if (error.allow !== undefined) head.push("Allow", error.allow.join(", "));
    // RFC 6455 §4.4
    if (error.status === 426) head.push("Sec-WebSocket-Version", "13");
    if (isUploading(req)) head.push("Connection", "close");
    res.writeHead(error.status, head);
    endResponse(req, res, req.method === "HEAD" ? undefined : body);
  };

  return async function handleErrors(ctx: Context, next: Next): Promise<void> {
    const state = requestState(ctx);
    state.requestId = randomUUID();
    state.route = routes.find(ctx.req.url ?? "");
    try {
      await next();
      requireBody(ctx);
    } catch (thrown) {
      ctx.respond = false;
      const error = toGatewayError(thrown);
      state.code = error.code;
      if (error.reason !== undefined) state.reason = error.reason;
      reportError(log, ctx.req, state, error);
      if (ctx.res.destroyed || ctx.req.socket.destroyed) return;
      // The head has been sent: abort, so that a partial body does not look complete.
      if (ctx.res.headersSent) ctx.res.destroy();
      else respond(ctx, error);
    }
  };
}

/** Whether navigations to the path get error pages. */
function hasPages({ kind, row }: Route, { status }: GatewayError, target = ""): boolean {
  if (kind === "bff") return PAGES.has(rawPath(target));
  return kind === "pages" ? status >= 500 : row?.csrf === "same-origin";
}

/** I5: a 503 never sets or clears the session cookie. */
function keepSessionCookie(res: ServerResponse): void {
  const lines = [res.getHeader("set-cookie") ?? []].flat().map(String);
  const others = lines.filter((line) => !isSessionCookieLine(line));
  if (others.length === 0) res.removeHeader("set-cookie");
  else res.setHeader("set-cookie", others);
}

/** Throws for a response without a body and with an error status, as Koa and its router set for unmatched requests. */
function requireBody(ctx: Context): void {
  if (ctx.respond === false || ctx.status < 400 || (ctx.body !== undefined && ctx.body !== null)) return;
  if (ctx.status === 405 || ctx.status === 501)
    throw new GatewayError("method_not_allowed", { allow: [String(ctx.res.getHeader("allow") ?? "GET, HEAD")] });
  throw Object.assign(new Error("error status without a body"), { status: ctx.status });
}

/** Maps errors of Koa and its router by their `status`; all others are `internal`. */
function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  const status = thrown instanceof Error && "status" in thrown ? thrown.status : undefined;
  if (status === 404) return new GatewayError("not_found", { cause: thrown });
  if (status === 405 || status === 501) return new GatewayError("method_not_allowed", { cause: thrown });
  if (status === 413) return new GatewayError("payload_too_large", { cause: thrown });
  if (typeof status === "number" && status >= 400 && status < 500)
    return new GatewayError("request_malformed", { cause: thrown });
  return new GatewayError("internal", { cause: thrown });
}

/**
 * Listener for `app.on("error", …)`: errors after the response has been handed to Koa. Without a listener Koa prints a
 * stack trace to stderr for every connection that a browser resets.
 */
export function reportLateError({ log }: { log: Log }) {
  return function reportLate(error: unknown): void {
    const code = codeOf(error);
    const kind = kindOfCode(code);
    if (kind === "reset" || kind === "premature_close") log.debug("browser closed its connection", { code });
    else log.error("response failed after its head", { error });
  };
}

/** Logs security events and server errors; other errors appear in the request log line only. */
export function reportError(
  log: Log,
  { method = "", url = "" }: IncomingMessage,
  { requestId, securityEvent }: RequestState,
  error: GatewayError,
): void {
  const path = rawPath(url).slice(0, 512);
  const { code, reason = "unknown" } = error;
  const event = securityEvent ?? EVENTS[code];
  if (event !== undefined) log.security(event, { requestId, method, path, code, reason });
  else if (error.status >= 500) log.error("request failed", { requestId, method, path, code, error });
}
