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

/** An application that may be meant by a logout token. */
export type LogoutReceiver = {
  provider: Pick<Provider, "mayAccept" | "verifyLogoutToken">;
  sessions: Pick<Sessions, "endAll">;
  store: Pick<Store, "claimOnce" | "completeClaim" | "releaseClaim">;
  log: Pick<Log, "security">;
};

type BackchannelLogoutDependencies = {
  /** The applications of the process. */
  receivers: () => readonly LogoutReceiver[];
  /** For tokens that are for none of them. */
  log: Pick<Log, "security">;
};

type Verified = LogoutReceiver & { token: LogoutToken };
type OnRejected = (error: unknown, log: Pick<Log, "security">) => void;

const MAX_LOGOUT_BODY_BYTES = 16_384;

/** @throws GatewayError request_malformed | payload_too_large | provider_unavailable | store_unavailable */
export function backchannelLogout({ receivers, log }: BackchannelLogoutDependencies) {
  return async function backchannelLogout(ctx: Context): Promise<void> {
    ctx.set("Cache-Control", "no-store");
    const requestId = ctx.state["requestId"] as string;
    const onRejected: OnRejected = (error, of) => {
      if (error instanceof GatewayError)
        of.security("backchannel_logout_rejected", { requestId, code: error.code, reason: error.reason ?? "" });
    };
    try {
      const jwt = await readLogoutToken(ctx);
      const { verified, unavailable } = await verifyFor(candidatesOf(jwt, receivers()), jwt, onRejected);
      const counts = await endSessionsOnce(verified, unavailable);
      verified.forEach(({ token: { subject, providerSid }, log: own }, index) => {
        const providerSession = providerSessionName(providerSid);
        own.security("backchannel_logout", { requestId, subject, providerSession, count: counts[index] });
      });
      ctx.status = 200;
      ctx.body = "";
    } catch (error) {
      onRejected(error, log);
      throw error;
    }
  };
}

/** @returns the applications at whose registration the token is directed; a single application sees every token */
function candidatesOf(jwt: string, receivers: readonly LogoutReceiver[]): readonly LogoutReceiver[] {
  if (receivers.length === 1) return receivers;
  const candidates = receivers.filter(({ provider }) => provider.mayAccept(jwt));
  if (candidates.length > 0) return candidates;
  throw new GatewayError("request_malformed", {
    reason: "logout token rejected: no application has its issuer and audience",
  });
}

/**
 * Each application verifies the token by its own provider's keys and rules.
 * @returns the ones that accept it, and the error of one that could not decide
 * @throws the error of the first one if none accepts it
 */
async function verifyFor(
  candidates: readonly LogoutReceiver[],
  jwt: string,
  onRejected: OnRejected,
): Promise<{ verified: Verified[]; unavailable: Error | undefined }> {
  const results = await Promise.allSettled(
    candidates.map(async (each) => ({ ...each, token: await each.provider.verifyLogoutToken(jwt) })),
  );
  const verified = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const errors = results.flatMap((result) => (result.status === "rejected" ? [toError(result.reason)] : []));
  const unavailable = errors.find((error) => !(error instanceof GatewayError && error.code === "request_malformed"));
  if (verified.length === 0) throw unavailable ?? errors[0] ?? new GatewayError("internal");
  results.forEach((result, index) => {
    const candidate = candidates[index];
    if (result.status === "rejected" && candidate !== undefined) onRejected(result.reason, candidate.log);
  });
  return { verified, unavailable };
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new GatewayError("internal", { cause: reason });
}

/**
 * The token acts once at each application. While one of them cannot decide, the token stays usable, so that the provider
 * can repeat it.
 * @returns how many sessions were ended at each
 */
function endSessionsOnce(verified: readonly Verified[], unavailable: Error | undefined): Promise<number[]> {
  const act = async (): Promise<number[]> => {
    const counts = await endSessions(verified);
    if (unavailable !== undefined) throw unavailable;
    return counts;
  };
  const once = verified.reduceRight((next, { token, store }) => {
    const tokenHash = hash("sha256", `${token.issuer} ${token.jti}`, "base64url");
    return () => oncePerLogoutToken(store, tokenHash, next);
  }, act);
  return once();
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
 * A `sid` names one session of the provider. If no session of any application has it, the `sub` beside it ends only the
 * user's sessions without a `sid`: the others belong to other sessions of the provider. A `sub` ends no session that began
 * after the token was issued, so that a late token does not end a new login.
 */
async function endSessions(verified: readonly Verified[]): Promise<number[]> {
  const bySid = await Promise.all(
    verified.map(({ token: { issuer, providerSid }, sessions }) =>
      providerSid === undefined
        ? Promise.resolve(0)
        : sessions.endAll({ kind: "provider-session", issuer, providerSid }, "provider_logout"),
    ),
  );
  // One client of the provider may be registered for several applications: the session may be at another one.
  if (bySid.some((count) => count > 0)) return bySid;
  return Promise.all(verified.map(endSessionsOfSubject));
}

async function endSessionsOfSubject({ token, sessions }: Verified): Promise<number> {
  const { issuer, providerSid, subject, issuedAtSeconds } = token;
  if (subject === undefined) return 0;
  const kind = providerSid === undefined ? "user" : "user-without-sid";
  const beganEarlier = (session: Session) => session.issuedAtSeconds <= issuedAtSeconds;
  return sessions.endAll({ kind, issuer, subject, issuedAtSeconds }, "provider_logout", beganEarlier);
}
