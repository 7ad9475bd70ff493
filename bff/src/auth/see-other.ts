// 303 responses of the login routes.
import type { Context } from "koa";

/** 303: the browser sends a GET whatever the method of this request was (RFC 9700 §4.12). */
export function seeOther(ctx: Context, location: string): void {
  // Koa sets status 204 with the empty body, so the status comes after it.
  ctx.body = null;
  ctx.status = 303;
  ctx.set("Location", location);
}
