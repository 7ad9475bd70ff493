// How a session ends: by its user, or by the provider.
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

export type LogoutParts = {
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

export type BrowserLogoutParts = Pick<
  LogoutParts,
  "publicOrigin" | "postLogoutPath" | "provider" | "providerLogout" | "sessions" | "vault" | "log"
>;

/** W3C Clear Site Data. Without "cookies": that would also delete the cookies of other ports on this host. */
const CLEAR_SITE_DATA = '"cache", "storage"';

/** Who reads the answer: a form's redirect is followed unread, what a script gets must not hold the ID token. */
export type LogoutReader = "form" | "script";

/**
 * Ends the session of this browser, here and at the provider.
 * @returns where the browser can end the provider's own session.
 */
export function createBrowserLogout(parts: BrowserLogoutParts) {
  const { publicOrigin, postLogoutPath, provider, providerLogout, sessions, vault, log } = parts;
  /**
   * A revocation before the end-session request would end more than this session at Keycloak, which detaches all of the
   * user's sessions of this client, and would turn its LOGOUT event into LOGOUT_ERROR. Where it is needed, its outcome
   * decides nothing: the browser is led to the provider in any case (I10).
   * @returns whether the provider responds
   */
  const revokeWhereNeeded = async ({ refreshToken, scope }: TokenSet, session: string): Promise<boolean> => {
    if (refreshToken === undefined || provider.endsTokensWithSession(scope)) return provider.isReachable();
    if (await provider.revoke(refreshToken)) return true;
    log.warn("the refresh token could not be revoked", { session });
    return provider.isReachable();
  };
  return async function logOutBrowser(ctx: Context, reader: LogoutReader): Promise<string> {
    const found = foundSession(ctx);
    const tokens = found === undefined ? undefined : vault.openStored(found.stored, found.sessionId);
    // First here and for good: whatever happens at the provider, this session is over.
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
      const isReachable = await revokeWhereNeeded(tokens, found.session.handle);
      // A provider that does not respond to the gateway would not respond to the browser either: say so at home instead.
      const atProvider = isReachable ? provider.endSessionUrl(tokens.idToken)?.href : `${home}?provider=unreachable`;
      if (isReachable && reader === "script" && atProvider !== undefined)
        location = publicOrigin + providerLogout.prepare(ctx, tokens.idToken);
      else location = atProvider ?? home;
    }
    return location;
  };
}

/**
 * A session that has ended may not have ended for good: an earlier logout of it is under way, or was told 503 because no
 * replica had it. So it is ended once more (I2), but only where there was one: a made-up id must leave nothing behind.
 */
async function confirmEnd(ctx: Context, sessions: BrowserLogoutParts["sessions"]): Promise<void> {
  const sessionId = sessionIdFrom(ctx.get("cookie"));
  if (sessionId !== undefined && (await sessions.endReason(sessionId)) !== undefined)
    await sessions.end(sessionKeyOf(sessionId), "logout");
}

export function logout(parts: BrowserLogoutParts) {
  const logOutBrowser = createBrowserLogout(parts);
  return async function endSessionOfBrowser(ctx: Context): Promise<void> {
    const reader = ctx.accepts("html", "json") === "json" ? "script" : "form";
    const location = await logOutBrowser(ctx, reader);
    if (reader === "script") {
      ctx.body = { location };
    } else {
      ctx.body = null;
      ctx.status = 303;
      ctx.set("Location", location);
    }
  };
}

const MAX_LOGOUT_BODY_BYTES = 16_384;

export function backchannelLogout({ provider, sessions, store, issuer, log }: LogoutParts) {
  return async function endSessionsByProvider(ctx: Context): Promise<void> {
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
        throw new GatewayError("request_malformed", { reason: "logout_token must be there exactly once" });
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
