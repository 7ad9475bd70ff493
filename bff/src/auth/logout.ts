// POST /bff/logout (RP-initiated) and POST /bff/backchannel-logout (OIDC Back-Channel Logout 1.0).
import { hash } from "node:crypto";
import type { Context } from "koa";
import { GatewayError } from "../errors.ts";
import type { SendingObserver } from "../lib/in-flight.ts";
import type { Log } from "../logging/log.ts";
import { MAX_LOGIN_ATTEMPTS } from "./login-attempt.ts";
import { loginCookieAttributes, loginCookieNames, sessionIdFrom } from "../session/cookies.ts";
import { endCurrentSession, foundSession } from "../session/koa-session.ts";
import { providerSessionName, sessionKeyOf } from "../session/session.ts";
import type { Sessions } from "../session/sessions.ts";
import type { Store } from "../store/store.ts";
import type { TokenSet } from "../tokens/token-set.ts";
import type { Vault } from "../tokens/vault.ts";
import { readForm } from "./form-body.ts";
import { oncePerLogoutToken } from "./logout-replay.ts";
import type { Provider } from "../provider/provider.ts";
import type { ProviderLogout } from "./provider-logout.ts";

export type LogoutDependencies = {
  publicOrigin: string;
  postLogoutPath: string;
  issuer: string;
  provider: Provider;
  sessions: Sessions;
  vault: Vault;
  providerLogout: ProviderLogout;
  store: Pick<Store, "claimOnce" | "completeClaim" | "releaseClaim">;
  log: Log;
};

export type BrowserLogoutDependencies = Pick<
  LogoutDependencies,
  "publicOrigin" | "postLogoutPath" | "provider" | "providerLogout" | "sessions" | "vault" | "log"
>;

/** W3C Clear Site Data. Without "cookies": that would also delete the cookies of other ports on this host. */
const CLEAR_SITE_DATA = '"cache", "storage"';

/**
 * A form follows a redirect, which may carry the ID token hint. A script reads the JSON body, which must not contain it
 * (I1).
 */
export type LogoutResponse = "redirect" | "json";

/**
 * Ends the session of this browser and revokes its refresh token where necessary.
 * @returns the URL that ends the session at the provider, or the post-logout page
 */
export function createBrowserLogout(dependencies: BrowserLogoutDependencies) {
  const { publicOrigin, postLogoutPath, provider, providerLogout, sessions, vault, log } = dependencies;
  /**
   * Revokes only where the end of the provider's session does not end the refresh token. At Keycloak a revocation ends all
   * of the user's sessions of this client and turns its LOGOUT event into LOGOUT_ERROR. A failed revocation does not keep
   * the browser from the end-session endpoint (I10).
   * @returns whether the provider responds
   */
  const revokeIfNeeded = async ({ refreshToken, scope }: TokenSet, session: string): Promise<boolean> => {
    if (refreshToken === undefined || provider.endsTokensWithSession(scope)) return provider.isReachable();
    if (await provider.revoke(refreshToken)) return true;
    log.warn("the refresh token could not be revoked", { session });
    return provider.isReachable();
  };
  return async function logOutBrowser(ctx: Context, response: LogoutResponse): Promise<string> {
    const found = foundSession(ctx);
    const tokens = found === undefined ? undefined : vault.openStored(found.stored, found.sessionId);
    // First: the session has ended whatever happens at the provider.
    await endCurrentSession(ctx);
    if (found === undefined) await confirmEnd(ctx, sessions);
    for (const name of loginCookieNames(ctx.get("cookie")).slice(0, MAX_LOGIN_ATTEMPTS))
      ctx.cookies.set(name, "", { ...loginCookieAttributes, maxAge: 0 });
    ctx.set("Clear-Site-Data", CLEAR_SITE_DATA);
    const home = publicOrigin + postLogoutPath;
    let location = home;
    if (found !== undefined && tokens !== undefined) {
      log.security("logout", {
        requestId: ctx.state["requestId"],
        session: found.session.handle,
        subject: found.session.subject,
        providerSession: providerSessionName(found.session.providerSid),
      });
      const isReachable = await revokeIfNeeded(tokens, found.session.handle);
      // If the provider does not respond, the post-logout page says so instead of an error page of the browser.
      const atProvider = isReachable ? provider.endSessionUrl(tokens.idToken)?.href : `${home}?provider=unreachable`;
      if (isReachable && response === "json" && atProvider !== undefined)
        location = publicOrigin + providerLogout.prepare(ctx, tokens.idToken);
      else location = atProvider ?? home;
    }
    return location;
  };
}

/**
 * An earlier logout of this session may be in flight, or may have failed with 503 because no replica confirmed it. It is
 * ended once more, so that this logout is final too (I2); a session id that never existed leaves nothing in the store.
 */
async function confirmEnd(ctx: Context, sessions: BrowserLogoutDependencies["sessions"]): Promise<void> {
  const sessionId = sessionIdFrom(ctx.get("cookie"));
  if (sessionId !== undefined && (await sessions.endReason(sessionId)) !== undefined)
    await sessions.end(sessionKeyOf(sessionId), "logout");
}

/** 303 for a form, 200 `{ "location" }` with `Accept: application/json`. @throws GatewayError store_unavailable */
export function logout(dependencies: BrowserLogoutDependencies) {
  const logOutBrowser = createBrowserLogout(dependencies);
  return async function logout(ctx: Context): Promise<void> {
    const response = ctx.accepts("html", "json") === "json" ? "json" : "redirect";
    const location = await logOutBrowser(ctx, response);
    if (response === "json") {
      ctx.body = { location };
    } else {
      ctx.body = null;
      ctx.status = 303;
      ctx.set("Location", location);
    }
  };
}

const MAX_LOGOUT_BODY_BYTES = 16_384;

/** @throws GatewayError request_malformed | payload_too_large | provider_unavailable | store_unavailable */
export function backchannelLogout({ provider, sessions, store, issuer, log }: LogoutDependencies) {
  return async function backchannelLogout(ctx: Context): Promise<void> {
    ctx.set("Cache-Control", "no-store");
    const requestId = ctx.state["requestId"] as string;
    try {
      const form = await readForm(ctx.req, {
        maxBytes: MAX_LOGOUT_BODY_BYTES,
        waiting: ctx.state["waiting"] as SendingObserver | undefined,
      });
      const tokens = form.getAll("logout_token");
      const [jwt] = tokens;
      if (jwt === undefined || tokens.length !== 1)
        throw new GatewayError("request_malformed", { reason: "logout_token must occur exactly once" });
      const token = await provider.verifyLogoutToken(jwt);
      const { providerSid, subject, issuedAtSeconds } = token;
      const target =
        providerSid !== undefined
          ? ({ kind: "provider-session", issuer, providerSid } as const)
          : ({ kind: "user", issuer, subject: subject ?? "", issuedAtSeconds } as const);
      const tokenHash = hash("sha256", `${issuer} ${token.jti}`, "base64url");
      const count = await oncePerLogoutToken(store, tokenHash, () => sessions.endAll(target, "provider_logout"));
      log.security("backchannel_logout", {
        requestId,
        subject,
        providerSession: providerSessionName(providerSid),
        count,
      });
      ctx.status = 200;
      ctx.body = "";
    } catch (error) {
      if (error instanceof GatewayError)
        log.security("backchannel_logout_rejected", { requestId, code: error.code, reason: error.reason ?? "" });
      throw error;
    }
  };
}
