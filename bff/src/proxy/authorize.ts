// Authorizes a request for an upstream and selects its bearer. All uses of a session by API requests pass here.
import type { IncomingMessage } from "node:http";
import type { TokenTarget, UpstreamConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import { mapMaybePromise, type MaybePromise } from "../lib/maybe-promise.ts";
import type { RequestState } from "../http/request-state.ts";
import type { WaitingQuotas } from "../http/load-shedding.ts";
import { bringsToken } from "../http/credentials.ts";
import type { AuthorizeBearer } from "./bearer.ts";
import { usesIdentity, type Authorized } from "./authorized.ts";
import { requirePermission } from "./permission.ts";
import { requiredLoginUrl } from "./step-up.ts";
import { sessionIdFrom } from "../session/cookies.ts";
import { requireNamedSession } from "../session/named-session.ts";
import { sessionEnded } from "../session/end-reasons.ts";
import { identityOf } from "../session/identity.ts";
import type { FoundSession, Sessions } from "../session/sessions.ts";
import type { SessionKey } from "../store/store.ts";
import type { AccessTokenResult, RefreshableSession } from "../tokens/refresh-outcomes.ts";
import { isDue, type AccessToken, type SharedClock, type TokenSet } from "../tokens/token-set.ts";
import type { Vault } from "../tokens/vault.ts";

export type { Authorized } from "./authorized.ts";

/** Synchronous if session and token are cached. @throws GatewayError if the request must not be forwarded */
export type Authorize = (
  request: IncomingMessage,
  upstream: UpstreamConfig,
  /** Absent when a request or an open WebSocket is authorized again. */
  state?: RequestState,
  /** The access token that the upstream rejected for this request: another one is selected if there is one. */
  rejected?: string,
) => MaybePromise<Authorized>;

type RequestContext = {
  request: IncomingMessage;
  upstream: UpstreamConfig;
  state: RequestState | undefined;
  rejected: string | undefined;
};

type NoAccessToken = Exclude<AccessTokenResult, { kind: "ready" }>;

type AuthorizeDependencies = {
  sessions: Sessions;
  vault: Vault;
  accessTokenFor: (session: RefreshableSession, rejected?: string) => MaybePromise<AccessTokenResult>;
  clientToken: (target: TokenTarget, rejected?: string) => Promise<AccessToken>;
  /** @throws GatewayError forbidden | provider_unavailable */
  exchangedToken: (
    key: SessionKey,
    subject: AccessToken,
    request: { target: TokenTarget; rejected: string | undefined },
  ) => Promise<AccessToken>;
  /** @throws GatewayError token_missing | invalid_token | invalid_dpop_proof | insufficient_scope | request_malformed */
  authorizeBearer: AuthorizeBearer;
  /** @throws GatewayError too_many_requests */
  countForSession: WaitingQuotas["countForSession"];
  clock: SharedClock;
};

/** @throws GatewayError session_* | forbidden | step_up_required | too_many_requests | store_unavailable | provider_unavailable */
export function authorizeUpstream(dependencies: AuthorizeDependencies): Authorize {
  const { sessions, vault, authorizeBearer, countForSession, clock } = dependencies;
  const selectToken = tokenSelection(dependencies);

  const admit = (
    sessionId: string | undefined,
    found: FoundSession | undefined,
    context: RequestContext,
  ): MaybePromise<Authorized> => {
    const { upstream, state } = context;
    if (found !== undefined) requireNamedSession(context.request, found.session.handle);
    const tokens = found === undefined ? undefined : vault.openStored(found.stored, found.sessionId);
    if (found !== undefined && tokens !== undefined) {
      if (state !== undefined) countForSession(state, sessions.inFlightOf(found.key));
      const { session } = found;
      const holder = {
        roles: session.roles,
        scopes: tokens.scope.split(" "),
        claims: () => identityOf(session).claims,
      };
      requirePermission(holder, upstream, clock.nowMs);
      return selectToken(found, tokens, context);
    }
    if (found !== undefined && !vault.hasKeyOf(found.stored.tokens))
      throw new GatewayError("store_unavailable", {
        reason: "the tokens are encrypted with a key that is not in SECRET_KEYS",
      });
    if (upstream.access === "optional") {
      requireNamedSession(context.request, undefined);
      return { accessToken: undefined };
    }
    // The login that the row requires: after any other one, the user would have to log in once more.
    const loginUrl = requiredLoginUrl(upstream);
    if (sessionId === undefined) throw new GatewayError("session_missing", { loginUrl });
    const reason = found === undefined ? undefined : "the token set cannot be decrypted";
    return reject(sessionId, { reason, loginUrl });
  };
  const reject = async (sessionId: string, options: Parameters<typeof sessionEnded>[1]): Promise<never> => {
    throw sessionEnded(await sessions.endReason(sessionId), options);
  };

  return function authorize(request, upstream, state, rejected): MaybePromise<Authorized> {
    if (upstream.access === "public") return { accessToken: undefined };
    if (bringsToken(request, upstream)) return authorizeBearer(request, upstream, state);
    const sessionId = sessionIdFrom(request.headers.cookie);
    const context = { request, upstream, state, rejected };
    if (sessionId === undefined) return admit(undefined, undefined, context);
    return mapMaybePromise(sessions.find(sessionId), (found) => admit(sessionId, found, context));
  };
}

/** Selects the access token of a request with a session, by the row's `token`. */
function tokenSelection({ sessions, accessTokenFor, clientToken, exchangedToken, clock }: AuthorizeDependencies) {
  const useUserToken = (
    found: FoundSession,
    tokens: TokenSet,
    { upstream, rejected }: RequestContext,
  ): MaybePromise<Authorized> => {
    const target = upstream.tokenTarget;
    const selected = accessTokenFor(refreshableSession(found, tokens), rejected);
    return mapMaybePromise(selected, (result) => {
      if (result.kind !== "ready") return rejectWithoutToken(found, result, requiredLoginUrl(upstream));
      sessions.keepAlive(found);
      const { accessToken, proofKey } = result;
      const isRenewed = selected instanceof Promise && usesIdentity(upstream);
      const used = isRenewed ? renewedUse(found, upstream) : usedBy(found, upstream);
      if (hasTarget(target)) return exchangeToken(found.key, { accessToken, proofKey }, { target, rejected, used });
      return mapMaybePromise(used, (use) => ({ accessToken, proofKey, ...use }));
    });
  };
  const exchangeToken = async (
    key: SessionKey,
    subject: AccessToken,
    { used, ...request }: { target: TokenTarget; rejected: string | undefined; used: MaybePromise<SessionUse> },
  ): Promise<Authorized> => ({ ...(await exchangedToken(key, subject, request)), ...(await used) });

  /** A refresh renews the claims as well: the request that waited for it has the new ones. */
  const renewedUse = async (found: FoundSession, upstream: UpstreamConfig): Promise<SessionUse> => {
    const renewed = await Promise.resolve(sessions.find(found.sessionId)).catch(() => undefined);
    return usedBy(renewed ?? found, upstream);
  };

  const rejectWithoutToken = async (
    { sessionId, key }: FoundSession,
    result: NoAccessToken,
    loginUrl: string | undefined,
  ): Promise<never> => {
    // The provider does not renew the token: the session ends, so that /bff/user does not show it as logged in.
    if (result.kind === "signed-out") await sessions.end(key, "expired");
    const reason = result.kind === "signed-out" ? await sessions.endReason(sessionId) : undefined;
    throw reason === undefined ? tokenError(result) : sessionEnded(reason, { loginUrl });
  };

  const useSessionOnly = (found: FoundSession, tokens: TokenSet, upstream: UpstreamConfig) => {
    sessions.keepAlive(found);
    // Refreshed although it is not sent: a session that only uses such upstreams must not end with its refresh token.
    if (isDue(tokens, clock)) Promise.resolve(accessTokenFor(refreshableSession(found, tokens))).catch(() => undefined);
    return usedBy(found, upstream);
  };

  /** Sends the gateway's own token (client credentials); a session is still required. */
  const useClientToken = async (
    found: FoundSession,
    tokens: TokenSet,
    { upstream, rejected }: RequestContext,
  ): Promise<Authorized> => {
    const { accessToken, proofKey } = await clientToken(upstream.tokenTarget, rejected);
    return { accessToken, proofKey, ...useSessionOnly(found, tokens, upstream) };
  };

  return function selectToken(
    found: FoundSession,
    tokens: TokenSet,
    context: RequestContext,
  ): MaybePromise<Authorized> {
    const { token } = context.upstream;
    if (token === "client") return useClientToken(found, tokens, context);
    if (token === "none") return { accessToken: undefined, ...useSessionOnly(found, tokens, context.upstream) };
    return useUserToken(found, tokens, context);
  };
}

type SessionUse = Pick<Authorized, "sessionKey" | "session" | "identity">;

function usedBy({ key, session }: FoundSession, upstream: UpstreamConfig): SessionUse {
  if (!usesIdentity(upstream)) return { sessionKey: key, session };
  return { sessionKey: key, session, identity: identityOf(session) };
}

function refreshableSession({ sessionId, key, session, stored }: FoundSession, tokens: TokenSet): RefreshableSession {
  const { handle, issuer, subject } = session;
  const { session: record, tokenVersion } = stored;
  return { sessionId, key, handle, issuer, subject, record, tokens, tokenVersion };
}

/** The error of a request whose session has no usable access token. */
function tokenError(result: NoAccessToken): GatewayError {
  if (result.kind === "signed-out") return new GatewayError("session_expired", { reason: result.reason });
  return new GatewayError("provider_unavailable", {
    retryAfterSeconds: result.retryAfterSeconds,
    reason: "access token expired, refresh not completed",
  });
}

function hasTarget(target: TokenTarget): boolean {
  for (const _ in target) return true;
  return false;
}
