// 303 responses: of the login and logout routes, and of navigations that lead to the login.
import type { Context } from "koa";

/** 303: the browser sends a GET whatever the method of this request was (RFC 9700 §4.12). */
export function seeOther(ctx: Context, location: string): void {
  // Before the status: Koa sets 204 for an empty body.
  ctx.body = null;
  ctx.status = 303;
  ctx.set("Location", location);
}
