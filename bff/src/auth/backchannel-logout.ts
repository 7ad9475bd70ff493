// POST /bff/backchannel-logout (OIDC Back-Channel Logout 1.0 §2.5 to §2.8): the provider ends sessions.
import { hash } from "node:crypto";
import type { Context } from "koa";
import { GatewayError } from "../errors.ts";
import type { SendingObserver } from "../lib/in-flight.ts";
import type { Log } from "../logging/log.ts";
import type { LogoutToken, Provider } from "../provider/provider.ts";
import { providerSessionName, type Session } from "../session/session.ts";
import type { Sessions } from "../session/sessions.ts";
import type { Store } from "../store/store.ts";
import { readForm } from "./form-body.ts";
import { oncePerLogoutToken } from "./logout-replay.ts";

export type BackchannelLogoutDependencies = {
  provider: Pick<Provider, "verifyLogoutToken">;
  sessions: Pick<Sessions, "endAll">;
  store: Pick<Store, "claimOnce" | "completeClaim" | "releaseClaim">;
  log: Pick<Log, "security">;
};

const MAX_LOGOUT_BODY_BYTES = 16_384;

/** @throws GatewayError request_malformed | payload_too_large | provider_unavailable | store_unavailable */
export function backchannelLogout({ provider, sessions, store, log }: BackchannelLogoutDependencies) {
  return async function backchannelLogout(ctx: Context): Promise<void> {
    ctx.set("Cache-Control", "no-store");
    const requestId = ctx.state["requestId"] as string;
    try {
      const token = await provider.verifyLogoutToken(await readLogoutToken(ctx));
      const tokenHash = hash("sha256", `${token.issuer} ${token.jti}`, "base64url");
      const count = await oncePerLogoutToken(store, tokenHash, () => endSessionsOf(token, sessions));
      const { subject, providerSid } = token;
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

async function readLogoutToken(ctx: Context): Promise<string> {
  const form = await readForm(ctx.req, {
    maxBytes: MAX_LOGOUT_BODY_BYTES,
    waiting: ctx.state["waiting"] as SendingObserver | undefined,
  });
  const [jwt, duplicate] = form.getAll("logout_token");
  if (jwt === undefined || duplicate !== undefined)
    throw new GatewayError("request_malformed", { reason: "logout_token must occur exactly once" });
  return jwt;
}

/**
 * A `sid` names one session of the provider. If no session has it, the `sub` beside it ends only the user's sessions
 * without a `sid`: the others belong to other sessions of the provider. A `sub` ends no session that began after the token
 * was issued, so that a late token does not end a new login.
 * @returns how many sessions were ended
 */
async function endSessionsOf(
  { issuer, providerSid, subject, issuedAtSeconds }: LogoutToken,
  sessions: BackchannelLogoutDependencies["sessions"],
): Promise<number> {
  if (providerSid !== undefined) {
    const count = await sessions.endAll({ kind: "provider-session", issuer, providerSid }, "provider_logout");
    if (count > 0 || subject === undefined) return count;
  }
  const kind = providerSid === undefined ? "user" : "user-without-sid";
  const beganEarlier = (session: Session) => session.issuedAtSeconds <= issuedAtSeconds;
  const target = { kind, issuer, subject: subject ?? "", issuedAtSeconds } as const;
  return sessions.endAll(target, "provider_logout", beganEarlier);
}
