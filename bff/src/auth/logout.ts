// POST /bff/logout: ends the session of this browser, then leads the browser to the provider (OIDC RP-Initiated Logout 1.0).
import type { Context } from "koa";
import { GatewayError } from "../errors.ts";
import type { Pages } from "../http/pages.ts";
import { languagesOf } from "../http/request-state.ts";
import { fitsIntoHead } from "../http/response-head.ts";
import { pageHeaders, setHeaders } from "../http/security-headers.ts";
import { withDeadline } from "../lib/with-deadline.ts";
import type { Log } from "../logging/log.ts";
import type { Provider } from "../provider/provider.ts";
import { loginCookieAttributes, loginCookieNames, sessionIdFrom } from "../session/cookies.ts";
import { endCurrentSession, foundSession } from "../session/koa-session.ts";
import { providerSessionName, sessionKeyOf } from "../session/session.ts";
import type { FoundSession, Sessions } from "../session/sessions.ts";
import type { EndReason } from "../store/store.ts";
import type { TokenSet } from "../tokens/token-set.ts";
import type { Vault } from "../tokens/vault.ts";
import { CLEARED_COOKIE_BYTES, MAX_LOGIN_ATTEMPTS } from "./login-attempt.ts";
import { PROVIDER_LOGOUT_PATH, unreachable, type ProviderLogout } from "./provider-logout.ts";
import { seeOther } from "../http/see-other.ts";

export type LogoutDependencies = {
  publicOrigin: string;
  transportSecurity: string | undefined;
  postLogoutPath: string;
  provider: Pick<Provider, "revoke" | "endsTokensWithSession" | "isReachable" | "hasEndSession">;
  sessions: Pick<Sessions, "end" | "endReason">;
  vault: Pick<Vault, "openStored">;
  pages: Pages;
  providerLogout: Pick<ProviderLogout, "prepare" | "isPrepared">;
  log: Log;
};

/** W3C Clear Site Data. Without "cookies": that would also delete the cookies of other ports on this host. */
const CLEAR_SITE_DATA = '"cache", "storage"';
/** A slow revocation continues in the background: it does not keep the browser from the end-session endpoint (I10). */
const MAX_REVOCATION_WAIT_MS = 2_000;

/**
 * Ends the session of this browser and revokes its refresh token where necessary.
 * @returns the URL that the browser opens next: /bff/logout/provider, or that of the post-logout page; without a token (I1)
 */
export function createBrowserLogout(dependencies: LogoutDependencies) {
  const { provider, providerLogout, sessions, vault, log } = dependencies;
  const home = dependencies.publicOrigin + dependencies.postLogoutPath;
  /**
   * Revokes only where the end of the provider's session does not end the refresh token. At Keycloak a revocation ends all
   * of the user's sessions of this client and turns its LOGOUT event into LOGOUT_ERROR.
   * @returns whether the provider responds
   */
  const revokeIfNeeded = async (tokens: TokenSet | undefined, session: string): Promise<boolean> => {
    const { refreshToken, scope = "" } = tokens ?? {};
    if (refreshToken === undefined || provider.endsTokensWithSession(scope)) return provider.isReachable();
    const revocation = provider.revoke(refreshToken).then((outcome) => {
      if (outcome === "failed") log.warn("refresh token revocation failed, the logout continues", { session });
      return outcome === "revoked";
    });
    if (await withDeadline(revocation, MAX_REVOCATION_WAIT_MS, false)) return true;
    return provider.isReachable();
  };
  /** If the provider does not respond, the post-logout page says so instead of an error page of the browser. */
  const locationAfter = async (ctx: Context, tokens: TokenSet | undefined, isReachable: boolean): Promise<string> => {
    if (!isReachable) return unreachable(home);
    try {
      if (!(await provider.hasEndSession())) return home;
    } catch (error) {
      if (error instanceof GatewayError) return unreachable(home);
      throw error;
    }
    return providerLogout.prepare(ctx, tokens?.idToken ?? "");
  };
  /** No session: it expired, or an earlier logout ended it, whose response this browser may not have received. */
  const locationWithoutSession = async (ctx: Context): Promise<string> => {
    const ended = await confirmEnd(ctx, sessions);
    if (providerLogout.isPrepared(ctx)) return PROVIDER_LOGOUT_PATH;
    if (ended.kind === "no-cookie" || ended.reason === "provider_logout") return home;
    return locationAfter(ctx, undefined, await provider.isReachable());
  };
  return async function logOutBrowser(ctx: Context): Promise<string> {
    const found = foundSession(ctx);
    const tokens = found === undefined ? undefined : vault.openStored(found.stored, found.sessionId);
    // First: the session has ended whatever happens at the provider.
    await endCurrentSession(ctx);
    ctx.set("Clear-Site-Data", CLEAR_SITE_DATA);
    let location: string;
    if (found === undefined) {
      location = await locationWithoutSession(ctx);
    } else {
      logLogout(log, ctx, found);
      location = await locationAfter(ctx, tokens, await revokeIfNeeded(tokens, found.session.handle));
    }
    // After the logout cookie, which matters more where the head has no room for all of them.
    clearLoginCookies(ctx);
    return location;
  };
}

type EndedSession = { kind: "no-cookie" } | { kind: "ended"; reason: EndReason | undefined };

/**
 * An earlier logout of this session may be in flight, or may have failed with 503 because no replica confirmed it. It is
 * ended once more, so that this logout is final too (I2); a session id that never existed leaves nothing in the store.
 */
async function confirmEnd(ctx: Context, sessions: LogoutDependencies["sessions"]): Promise<EndedSession> {
  const sessionId = sessionIdFrom(ctx.get("cookie"));
  if (sessionId === undefined) return { kind: "no-cookie" };
  const reason = await sessions.endReason(sessionId);
  if (reason !== undefined) await sessions.end(sessionKeyOf(sessionId), "logout");
  return { kind: "ended", reason };
}

function logLogout(log: Log, ctx: Context, { session }: FoundSession): void {
  log.security("logout", {
    requestId: ctx.state["requestId"],
    session: session.handle,
    subject: session.subject,
    providerSession: providerSessionName(session.providerSid),
  });
}

function clearLoginCookies(ctx: Context): void {
  for (const name of loginCookieNames(ctx.get("cookie")).slice(0, MAX_LOGIN_ATTEMPTS))
    if (fitsIntoHead(ctx.res, CLEARED_COOKIE_BYTES)) ctx.cookies.set(name, "", { ...loginCookieAttributes, maxAge: 0 });
}

/**
 * With `Accept: application/json` 200 `{ "location" }`. A form gets a page that continues by a same-origin navigation:
 * Chromium applies `form-action` to all redirects after a form post, and a brokered provider's origins are unknown (I10).
 * @throws GatewayError store_unavailable
 */
export function logout(dependencies: LogoutDependencies) {
  const { pages } = dependencies;
  const logOutBrowser = createBrowserLogout(dependencies);
  const headersOfPage = pageHeaders(dependencies, pages.sources("continue"));
  return async function logout(ctx: Context): Promise<void> {
    const isForm = ctx.accepts("html", "json") !== "json";
    // First: these headers count for the size of the head.
    if (isForm) setHeaders(ctx.res, headersOfPage);
    const location = await logOutBrowser(ctx);
    if (!isForm) {
      ctx.body = { location };
    } else if (location === PROVIDER_LOGOUT_PATH) {
      const page = pages.continueTo(languagesOf(ctx), "continueLogout", PROVIDER_LOGOUT_PATH);
      setHeaders(ctx.res, page.headers);
      ctx.body = page.html;
    } else {
      seeOther(ctx, location);
    }
  };
}
