// Pages that oidc-provider renders by itself: logout, logged out, error.
import type { ErrorOut, KoaContextWithOIDC } from "oidc-provider";
import { pageHeaders } from "./page-headers.ts";
import { logoutPage, messagePage } from "./pages.ts";

/** Logs out without a confirmation only if the ID token hint is for the logged-in user (logout CSRF). */
export function logoutSource(ctx: KoaContextWithOIDC, form: string): void {
  const { entities, session, client } = ctx.oidc;
  const hinted = entities.IdTokenHint?.payload["sub"];
  ctx.set(pageHeaders(client));
  ctx.body = logoutPage(form, hinted !== undefined && hinted === session?.accountId);
}

export function postLogoutSuccessSource(ctx: KoaContextWithOIDC): void {
  ctx.set(pageHeaders(ctx.oidc.client));
  ctx.type = "html";
  ctx.body = messagePage("Logged out", "You are logged out of the demo provider.");
}

export function renderError(ctx: KoaContextWithOIDC, out: ErrorOut): void {
  ctx.set(pageHeaders(undefined));
  ctx.type = "html";
  ctx.body = messagePage("That did not work", `${out.error}: ${out.error_description ?? "no description"}`);
}
