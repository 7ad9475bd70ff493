// GET /bff/logout/provider: redirect to the provider's end-session endpoint. The ID token for `id_token_hint` (OIDC
// RP-Initiated Logout 1.0 §2) is kept sealed in an HttpOnly cookie until then, so that no script can read it.
import type { Context } from "koa";
import type { SealerFactory } from "../lib/encryption.ts";
import { cookieValue, LOGOUT_COOKIE, logoutCookieAttributes } from "../session/cookies.ts";
import type { Provider } from "../provider/provider.ts";

export const PROVIDER_LOGOUT_PATH = "/bff/logout/provider";

const COOKIE_SECONDS = 60;
/** Browsers reject a cookie whose name and value are longer than 4096 bytes together. */
const MAX_COOKIE_CHARS = 4_000;
const CONTEXT = "id token hint";

export type ProviderLogout = {
  /** Sets the cookie. @returns the path that the browser opens next */
  prepare(ctx: Context, idToken: string): string;
  /** 303 to the end-session endpoint, once; without the cookie to the post-logout page. */
  route: (ctx: Context) => Promise<void>;
};

type Dependencies = { sealerFor: SealerFactory; provider: Pick<Provider, "endSessionUrl">; home: string };

export function createProviderLogout({ sealerFor, provider, home }: Dependencies): ProviderLogout {
  const sealer = sealerFor("provider logout");
  const hintOf = (ctx: Context) => sealer.open(cookieValue(ctx.get("cookie"), LOGOUT_COOKIE) ?? "", CONTEXT) ?? "";
  return {
    prepare(ctx, idToken) {
      const sealed = sealer.seal(idToken, CONTEXT);
      // Without the hint the provider asks the user for confirmation, which is better than no logout there (I10).
      if (sealed.length <= MAX_COOKIE_CHARS)
        ctx.cookies.set(LOGOUT_COOKIE, sealed, { ...logoutCookieAttributes, maxAge: COOKIE_SECONDS * 1000 });
      return PROVIDER_LOGOUT_PATH;
    },
    async route(ctx) {
      const hasHint = cookieValue(ctx.get("cookie"), LOGOUT_COOKIE) !== undefined;
      const target = hasHint ? provider.endSessionUrl(hintOf(ctx))?.href : undefined;
      ctx.cookies.secure = true;
      if (hasHint) ctx.cookies.set(LOGOUT_COOKIE, "", { ...logoutCookieAttributes, maxAge: 0 });
      ctx.body = null;
      ctx.status = 303;
      ctx.set("Location", target ?? home);
    },
  };
}
