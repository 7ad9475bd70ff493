// May this request go to that upstream, and with which bearer? The one place where a session is spent.
import type { IncomingMessage } from "node:http";
import type { TokenTarget, UpstreamConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import { mapMaybePromise, type MaybePromise } from "../lib/maybe-promise.ts";
import type { RequestState } from "../http/request-state.ts";
import type { WaitingQuotas } from "../http/load-shedding.ts";
import { sessionIdFrom } from "../session/cookies.ts";
import { END_REASON_TO_ERROR_CODE } from "../session/end-reasons.ts";
import type { FoundSession, Sessions } from "../session/sessions.ts";
import type { SessionKey } from "../store/store.ts";
import { tokenError, type AccessTokenResult, type SpendingSession } from "../tokens/refresh.ts";
import { isDue, type SharedClock, type TokenSet } from "../tokens/token-set.ts";
import type { Vault } from "../tokens/vault.ts";

export type Authorized = {
  accessToken: string | undefined;
  /** Whose answer it will be; undefined: nobody's who is logged in. */
  sessionKey?: SessionKey;
};

/** At hand where nothing had to be asked for. @throws GatewayError where the request may not go to that upstream */
export type Authorize = (
  request: IncomingMessage,
  upstream: UpstreamConfig,
  /** Of a request that waits for its response; absent for a use of an open connection. */
  state?: RequestState,
) => MaybePromise<Authorized>;

type Asked = { upstream: UpstreamConfig; state: RequestState | undefined };

type NoAccessToken = Exclude<AccessTokenResult, { kind: "ready" }>;

type Parts = {
  sessions: Sessions;
  vault: Vault;
  accessTokenFor: (session: SpendingSession) => MaybePromise<AccessTokenResult>;
  clientToken: (target: TokenTarget) => Promise<string>;
  /** @throws GatewayError forbidden | provider_unavailable */
  exchangedToken: (key: SessionKey, accessToken: string, target: TokenTarget) => Promise<string>;
  /** @throws GatewayError too_many_requests */
  countForSession: WaitingQuotas["countForSession"];
  clock: SharedClock;
};

/** @throws GatewayError session_* | forbidden | too_many_requests | store_unavailable | provider_unavailable */
export function authorizeUpstream(parts: Parts): Authorize {
  const { sessions, vault, accessTokenFor, clientToken, exchangedToken, countForSession, clock } = parts;
  const spend = (found: FoundSession, tokens: TokenSet, target: TokenTarget): MaybePromise<Authorized> =>
    mapMaybePromise(accessTokenFor(spendingSession(found, tokens)), (result) => {
      if (result.kind !== "ready") return endOf(found, result);
      sessions.keepAlive(found);
      const { accessToken } = result;
      if (!hasTarget(target)) return { accessToken, sessionKey: found.key };
      return exchangeFor(found, accessToken, target);
    });
  const exchangeFor = async ({ key }: FoundSession, own: string, target: TokenTarget): Promise<Authorized> => ({
    accessToken: await exchangedToken(key, own, target),
    sessionKey: key,
  });

  const endOf = async ({ sessionId, key }: FoundSession, result: NoAccessToken): Promise<never> => {
    // Without a token that could be renewed the session is over: nobody may see it as logged in any more.
    if (result.kind === "signed-out") await sessions.end(key, "expired");
    const reason = result.kind === "signed-out" ? await sessions.endReason(sessionId) : undefined;
    throw reason === undefined ? tokenError(result) : new GatewayError(END_REASON_TO_ERROR_CODE[reason], { reason });
  };

  /** Our own token, but only for somebody who is logged in. */
  const spendOwn = async (found: FoundSession, tokens: TokenSet, target: TokenTarget): Promise<Authorized> => {
    const accessToken = await clientToken(target);
    sessions.keepAlive(found);
    // A session ends with its refresh token: whoever is at work here must not lose it for never using that.
    if (isDue(tokens, clock)) Promise.resolve(accessTokenFor(spendingSession(found, tokens))).catch(() => undefined);
    return { accessToken, sessionKey: found.key };
  };

  const admit = (
    sessionId: string | undefined,
    found: FoundSession | undefined,
    { upstream, state }: Asked,
  ): MaybePromise<Authorized> => {
    const tokens = found === undefined ? undefined : vault.openStored(found.stored, found.sessionId);
    if (found !== undefined && tokens !== undefined) {
      if (state !== undefined) countForSession(state, sessions.inFlightOf(found.key));
      requirePermission(found, tokens, upstream);
      if (upstream.token === "client") return spendOwn(found, tokens, upstream.tokenTarget);
      return spend(found, tokens, upstream.tokenTarget);
    }
    if (found !== undefined && !vault.hasKeyOf(found.stored.tokens))
      throw new GatewayError("store_unavailable", {
        reason: "sealed with a master key that SECRET_KEYS does not have",
      });
    if (upstream.token === "optional") return { accessToken: undefined };
    if (sessionId === undefined) throw new GatewayError("session_missing");
    return refuse(sessionId, found === undefined ? undefined : "the token set cannot be opened");
  };
  const refuse = async (sessionId: string, fault: string | undefined): Promise<never> => {
    const reason = await sessions.endReason(sessionId);
    throw new GatewayError(reason === undefined ? "session_expired" : END_REASON_TO_ERROR_CODE[reason], {
      reason: fault ?? reason ?? "no such session",
    });
  };

  return function authorize(request, upstream, state): MaybePromise<Authorized> {
    if (upstream.token === "none") return { accessToken: undefined };
    const sessionId = sessionIdFrom(request.headers.cookie);
    if (sessionId === undefined) return admit(undefined, undefined, { upstream, state });
    return mapMaybePromise(sessions.find(sessionId), (found) => admit(sessionId, found, { upstream, state }));
  };
}

function spendingSession({ sessionId, key, session, stored }: FoundSession, tokens: TokenSet): SpendingSession {
  const { handle, issuer, subject } = session;
  return { sessionId, key, handle, issuer, subject, tokens, tokenVersion: stored.tokenVersion };
}

function hasTarget(target: TokenTarget): boolean {
  for (const _ in target) return true;
  return false;
}

/** Refused here, before the upstream is asked. */
function requirePermission({ session }: FoundSession, tokens: TokenSet, upstream: UpstreamConfig): void {
  const { requiredRoles, requiredScopes } = upstream;
  if (requiredRoles.length > 0 && !requiredRoles.some((role) => session.roles.includes(role)))
    throw new GatewayError("forbidden", { reason: "none of the required roles" });
  if (requiredScopes.length === 0) return;
  const scopes = tokens.scope.split(" ");
  if (!requiredScopes.every((scope) => scopes.includes(scope)))
    throw new GatewayError("forbidden", { reason: "a required scope is missing" });
}
