// GET /bff/logout/provider: redirect to the provider's end-session endpoint. GET /bff/logout/return: the provider's
// redirect after it (OIDC RP-Initiated Logout 1.0 §2 and §3). State and ID token hint are kept sealed in an HttpOnly
// cookie in between, so that no script can read them.
import { randomBytes } from "node:crypto";
import type { Context } from "koa";
import { GatewayError } from "../errors.ts";
import { fitsIntoHead } from "../http/response-head.ts";
import type { SealerFactory } from "../lib/encryption.ts";
import type { Log } from "../logging/log.ts";
import type { EndSessionRequest, Provider } from "../provider/provider.ts";
import {
  cookieValue,
  LOGOUT_COOKIE,
  LOGOUT_RETURN_COOKIE,
  logoutCookieAttributes,
  logoutReturnCookieAttributes,
} from "../session/cookies.ts";
import { seeOther } from "../http/see-other.ts";

export const PROVIDER_LOGOUT_PATH = "/bff/logout/provider";

/** Time to follow the link of a page that a browser does not refresh by itself. */
const LOGOUT_MS = 5 * 60_000;
/** Time to confirm the logout at the provider. */
const RETURN_MS = 15 * 60_000;
/** Browsers reject a cookie whose name and value are longer than 4096 bytes together. */
const COOKIE_ATTRIBUTE_BYTES = 128;
const TO_PROVIDER = "logout at the provider";
const TO_RETURN = "return from the provider";

type PendingLogout = EndSessionRequest & { preparedAtMs: number };

export type ProviderLogout = {
  /** Sets the cookie. @param idToken empty: without a hint. @returns the path that the browser opens next */
  prepare(ctx: Context, idToken: string): string;
  /** Whether an earlier logout of this browser has not been to the provider yet. */
  isPrepared(ctx: Context): boolean;
  /** 303 to the end-session endpoint, once; without the cookie to the post-logout page. */
  route: (ctx: Context) => Promise<void>;
  /** 303 to the post-logout page, whatever the state is. */
  returnRoute: (ctx: Context) => Promise<void>;
};

type Dependencies = {
  sealerFor: SealerFactory;
  provider: Pick<Provider, "endSessionUrl">;
  /** URL of the post-logout page. */
  home: string;
  /** The clock that all instances share. */
  now: () => number;
  log: Pick<Log, "debug" | "warn">;
};

export function createProviderLogout({ sealerFor, provider, home, now, log }: Dependencies): ProviderLogout {
  const sealer = sealerFor("provider logout");
  const pendingLogout = (ctx: Context): PendingLogout | undefined => {
    const opened = sealer.open(cookieValue(ctx.get("cookie"), LOGOUT_COOKIE) ?? "", TO_PROVIDER);
    const pending = opened === undefined ? undefined : (JSON.parse(opened) as PendingLogout);
    return pending !== undefined && now() - pending.preparedAtMs <= LOGOUT_MS ? pending : undefined;
  };
  /** A hint is optional, and the provider asks for a confirmation without it: it never prevents the redirect (I10). */
  const endSessionUrl = async (ctx: Context, { idToken, state }: PendingLogout): Promise<string> => {
    try {
      const url = await provider.endSessionUrl({ idToken, state });
      if (url === undefined) return home;
      if (fitsIntoHead(ctx.res, url.href.length)) return url.href;
      return (await provider.endSessionUrl({ idToken: "", state }))?.href ?? home;
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      log.warn("logout did not reach the provider", { requestId: ctx.state["requestId"], error });
      return unreachable(home);
    }
  };

  return {
    isPrepared: (ctx) => pendingLogout(ctx) !== undefined,
    prepare(ctx, idToken) {
      const pending = { state: randomBytes(16).toString("base64url"), preparedAtMs: now() };
      const seal = (hint: string) => sealer.seal(JSON.stringify({ ...pending, idToken: hint }), TO_PROVIDER);
      const withHint = seal(idToken);
      const sealed = fitsIntoHead(ctx.res, withHint.length + COOKIE_ATTRIBUTE_BYTES) ? withHint : seal("");
      ctx.cookies.set(LOGOUT_COOKIE, sealed, { ...logoutCookieAttributes, maxAge: LOGOUT_MS });
      return PROVIDER_LOGOUT_PATH;
    },
    async route(ctx) {
      const pending = pendingLogout(ctx);
      ctx.cookies.secure = true;
      if (cookieValue(ctx.get("cookie"), LOGOUT_COOKIE) !== undefined)
        ctx.cookies.set(LOGOUT_COOKIE, "", { ...logoutCookieAttributes, maxAge: 0 });
      if (pending === undefined) return seeOther(ctx, home);
      const expected = sealer.seal(pending.state, TO_RETURN);
      ctx.cookies.set(LOGOUT_RETURN_COOKIE, expected, { ...logoutReturnCookieAttributes, maxAge: RETURN_MS });
      seeOther(ctx, await endSessionUrl(ctx, pending));
    },
    async returnRoute(ctx) {
      const expected = sealer.open(cookieValue(ctx.get("cookie"), LOGOUT_RETURN_COOKIE) ?? "", TO_RETURN);
      const [state, duplicate] = new URLSearchParams(ctx.querystring).getAll("state");
      const isExpected = expected !== undefined && state === expected && duplicate === undefined;
      ctx.cookies.secure = true;
      // A forged return keeps the cookie, so that the real one is still recognized.
      if (isExpected) ctx.cookies.set(LOGOUT_RETURN_COOKIE, "", { ...logoutReturnCookieAttributes, maxAge: 0 });
      else log.debug("return from a logout with an unknown state", { requestId: ctx.state["requestId"] });
      seeOther(ctx, home);
    },
  };
}

/** @param home URL of the post-logout page, which says that the session at the provider may still exist */
export function unreachable(home: string): string {
  return `${home}?provider=unreachable`;
}
