// How a browser gets from our logout to the provider's without a script ever seeing the ID token that names the session
// there (`id_token_hint`, OIDC RP-Initiated Logout 1.0 §2): it travels sealed in an HttpOnly cookie for one request.
import type { Context } from "koa";
import type { SealerFactory } from "../lib/encryption.ts";
import { cookieValue, LOGOUT_COOKIE, logoutCookieAttributes } from "../session/cookies.ts";
import type { Provider } from "../provider/provider.ts";

export const PROVIDER_LOGOUT_PATH = "/bff/logout/provider";

const ON_THE_WAY_SECONDS = 60;
/** Browsers drop a cookie whose name and value are longer than 4096 bytes together. */
const MAX_COOKIE_CHARS = 4_000;
const CONTEXT = "id token hint";

export type ProviderLogout = {
  /** Gives the browser what it needs there. @returns the path to open next */
  prepare(ctx: Context, idToken: string): string;
  /** GET /bff/logout/provider: one use, then forgotten. */
  route: (ctx: Context) => Promise<void>;
};

type Parts = { sealerFor: SealerFactory; provider: Pick<Provider, "endSessionUrl">; home: string };

export function createProviderLogout({ sealerFor, provider, home }: Parts): ProviderLogout {
  const sealer = sealerFor("provider logout");
  const hintOf = (ctx: Context) => sealer.open(cookieValue(ctx.get("cookie"), LOGOUT_COOKIE) ?? "", CONTEXT) ?? "";
  return {
    prepare(ctx, idToken) {
      const sealed = sealer.seal(idToken, CONTEXT);
      // Without it the provider asks the person whether they meant it, which is better than not going there.
      if (sealed.length <= MAX_COOKIE_CHARS)
        ctx.cookies.set(LOGOUT_COOKIE, sealed, { ...logoutCookieAttributes, maxAge: ON_THE_WAY_SECONDS * 1000 });
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
