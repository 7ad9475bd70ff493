// Every refusal of the API is a problem document (RFC 9457).
import { STATUS_CODES } from "node:http";
import type { Context, Next } from "koa";

/** A refusal that a route throws; anything else that is thrown is a fault of ours. */
export class Refusal extends Error {
  override readonly name = "Refusal";
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

export function answerProblem(ctx: Context, { status, code, message, headers }: Refusal): void {
  ctx.status = status;
  ctx.set(headers);
  ctx.body = { type: "about:blank", title: STATUS_CODES[status] ?? "Error", status, code, detail: message };
  ctx.type = "application/problem+json";
}

/** Outermost: what was thrown, and what nobody answered. */
export async function problems(ctx: Context, next: Next): Promise<void> {
  ctx.set("x-content-type-options", "nosniff");
  ctx.set("cache-control", "no-store");
  try {
    await next();
  } catch (error) {
    if (!(error instanceof Refusal)) ctx.app.emit("error", error, ctx);
    answerProblem(ctx, error instanceof Refusal ? error : new Refusal(500, "internal", "The API failed."));
    return;
  }
  if (ctx.body !== undefined && ctx.body !== null) return;
  if (ctx.status === 404) answerProblem(ctx, new Refusal(404, "not_found", "There is no such resource."));
  if (ctx.status === 405 || ctx.status === 501)
    answerProblem(ctx, new Refusal(405, "method_not_allowed", "See Allow for the methods of this resource."));
}
