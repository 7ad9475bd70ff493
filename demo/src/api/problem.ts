// Error handling: every error response is a problem document (RFC 9457).
import { STATUS_CODES } from "node:http";
import type { Context, Next } from "koa";

/** An error response thrown by a route. Any other error becomes a 500. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: number, code: string, detail: string, headers: Record<string, string> = {}) {
    super(detail);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

function sendProblem(ctx: Context, { status, code, message, headers }: ProblemError): void {
  ctx.status = status;
  ctx.set(headers);
  ctx.body = { type: "about:blank", title: STATUS_CODES[status] ?? "Error", status, code, detail: message };
  ctx.type = "application/problem+json";
}

/** Outermost middleware: responds to thrown errors, unknown paths and unsupported methods. */
export async function errorHandler(ctx: Context, next: Next): Promise<void> {
  ctx.set("x-content-type-options", "nosniff");
  ctx.set("cache-control", "no-store");
  try {
    await next();
  } catch (error) {
    if (!(error instanceof ProblemError)) ctx.app.emit("error", error, ctx);
    sendProblem(ctx, error instanceof ProblemError ? error : new ProblemError(500, "internal", "The API failed."));
    return;
  }
  if (ctx.body !== undefined && ctx.body !== null) return;
  if (ctx.status === 404) sendProblem(ctx, new ProblemError(404, "not_found", "There is no such resource."));
  if (ctx.status === 405 || ctx.status === 501)
    sendProblem(ctx, new ProblemError(405, "method_not_allowed", "See Allow for the methods of this resource."));
}
