// Every error becomes one answer: a problem (RFC 9457) for programs, a page for people, silence for who has left.
import { randomUUID } from "node:crypto";
import { STATUS_CODES, type ServerResponse } from "node:http";
import type { Context, Next } from "koa";
import { ERRORS, EXPLANATIONS, GatewayError, type ErrorCode, type Problem } from "../errors.ts";
import type { Log, SecurityEvent } from "../logging/log.ts";
import { isSessionCookieLine } from "../session/cookies.ts";
import { errorPage, PAGE_STYLE_HASH } from "./error-page.ts";
import { wantsPage } from "./fetch-metadata.ts";
import { rawPath, requestState } from "./request-state.ts";
import { securityHeaderList, pageHeaders } from "./security-headers.ts";
import { endAnswer, isUploading } from "./early-response.ts";

/** Where people navigate to; errors of everything else are read by programs. */
const PAGES: ReadonlySet<string> = new Set(["/bff/login", "/bff/callback", "/bff/logout", "/bff/logout/provider"]);

/** A custom scheme: RFC 9110 §15.5.2 demands a challenge, and no browser opens a password dialog for this one. */
const CHALLENGE = 'Cloakroom realm="session"';

/** Headers of the half-made answer that outlive the error: a login cookie that is cleared must stay cleared. */
const KEPT_HEADERS: ReadonlySet<string> = new Set(["set-cookie", "connection"]);

/** Refusals that an attack may be behind. */
const EVENTS: Partial<Record<ErrorCode, SecurityEvent>> = {
  csrf_rejected: "csrf_rejected",
  request_malformed: "request_rejected",
  method_not_allowed: "request_rejected",
  http_version_not_supported: "request_rejected",
  payload_too_large: "request_rejected",
  forbidden: "forbidden",
  login_failed: "login_failed",
  step_up_failed: "login_failed",
};

export function problemOf(error: GatewayError, requestId: string): Problem {
  const { code, status, loginUrl, explanation } = error;
  return {
    type: "about:blank",
    title: STATUS_CODES[status] ?? "Error",
    status,
    detail: explanation === undefined ? ERRORS[code].detail : EXPLANATIONS[explanation].detail,
    code,
    requestId,
    ...(loginUrl === undefined ? {} : { loginUrl }),
  };
}

/**
 * Outermost. Koa's own error handler must never run for what we expect: it removes every header first, the security
 * headers and Set-Cookie among them.
 */
export function errorResponse({ log, publicOrigin }: { log: Log; publicOrigin: string }) {
  const forProblems = [...securityHeaderList(publicOrigin), "Content-Type", "application/problem+json; charset=utf-8"];
  const forPages = [...pageHeaders(publicOrigin, PAGE_STYLE_HASH), "Content-Type", "text/html; charset=utf-8"];

  const answer = (ctx: Context, error: GatewayError): void => {
    const { req, res } = ctx;
    const { requestId, returnPath } = requestState(ctx);
    const { code, explanation } = error;
    const isPage = (PAGES.has(rawPath(req.url ?? "")) || explanation !== undefined) && wantsPage(req);
    const body = isPage
      ? errorPage({ code, explanation, requestId, returnPath, target: req.method === "GET" ? req.url : undefined })
      : JSON.stringify(problemOf(error, requestId));
    for (const name of res.getHeaderNames()) if (!KEPT_HEADERS.has(name)) res.removeHeader(name);
    if (error.status === 503) keepSessionCookie(res);
    const head = [...(isPage ? forPages : forProblems), "Cache-Control", "no-store", "X-Request-Id", requestId];
    head.push("Content-Length", String(Buffer.byteLength(body)));
    if (error.status === 401) head.push("WWW-Authenticate", CHALLENGE);
    if (error.retryAfterSeconds !== undefined) head.push("Retry-After", String(error.retryAfterSeconds));
    if (error.allow !== undefined) head.push("Allow", error.allow.join(", "));
    // RFC 6455 §4.4
    if (error.status === 426) head.push("Sec-WebSocket-Version", "13");
    if (isUploading(req)) head.push("Connection", "close");
    res.writeHead(error.status, head);
    endAnswer(req, res, req.method === "HEAD" ? undefined : body);
  };

  return async function answerErrors(ctx: Context, next: Next): Promise<void> {
    requestState(ctx).requestId = randomUUID();
    try {
      await next();
      requireBody(ctx);
    } catch (thrown) {
      ctx.respond = false;
      const error = toGatewayError(thrown);
      const state = requestState(ctx);
      state.code = error.code;
      if (error.reason !== undefined) state.reason = error.reason;
      report(log, ctx, error);
      if (ctx.res.destroyed || ctx.req.socket.destroyed) return;
      // What was begun cannot be taken back: a cut body must never look complete.
      if (ctx.res.headersSent) ctx.res.destroy();
      else answer(ctx, error);
    }
  };
}

/** I5: an outage clears no cookie, whatever was prepared before it was noticed. */
function keepSessionCookie(res: ServerResponse): void {
  const lines = [res.getHeader("set-cookie") ?? []].flat().map(String);
  const others = lines.filter((line) => !isSessionCookieLine(line));
  if (others.length === 0) res.removeHeader("set-cookie");
  else res.setHeader("set-cookie", others);
}

/** What no route answered, and what a router answered with a bare status. */
function requireBody(ctx: Context): void {
  if (ctx.respond === false || ctx.status < 400 || (ctx.body !== undefined && ctx.body !== null)) return;
  if (ctx.status === 405 || ctx.status === 501)
    throw new GatewayError("method_not_allowed", { allow: [String(ctx.res.getHeader("allow") ?? "GET, HEAD")] });
  throw Object.assign(new Error("a bare status"), { status: ctx.status });
}

/** Errors of Koa and its router carry a `status`; everything else is a fault of ours. */
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
 * For `app.on("error", …)`: what Koa reports after the answer has left our hands. Without a listener of ours it prints
 * a stack to stderr for every browser that resets its connection.
 */
export function reportLateError({ log }: { log: Log }) {
  return function reportLate(error: unknown): void {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (BROWSER_LEFT.has(code)) log.debug("a browser broke off its connection", { code });
    else log.error("an answer could not be finished", { error });
  };
}

const BROWSER_LEFT: ReadonlySet<string> = new Set([
  "ECONNRESET",
  "EPIPE",
  "ECONNABORTED",
  "ERR_STREAM_PREMATURE_CLOSE",
]);

/** Once, with its cause; expected refusals are told by the request's own line. */
function report(log: Log, ctx: Context, error: GatewayError): void {
  const { requestId, securityEvent } = requestState(ctx);
  const method = ctx.req.method ?? "";
  const path = rawPath(ctx.req.url ?? "").slice(0, 512);
  const { code, reason = "unknown" } = error;
  const event = securityEvent ?? EVENTS[code];
  if (event !== undefined) log.security(event, { requestId, method, path, code, reason });
  else if (error.status >= 500) log.error("request failed", { requestId, method, path, code, error });
}
