// GET /bff/callback, the second half of a login: the authorization code flow (OIDC Core 1.0 §3.1).
import { hash } from "node:crypto";
import type { Context } from "koa";
import type { ProviderConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import type { Pages } from "../http/pages.ts";
import type { Log } from "../logging/log.ts";
import { setNavigationMarker } from "../http/page-navigation.ts";
import { cookieValue, LOGIN_COOKIE_PREFIX, loginCookieNames } from "../session/cookies.ts";
import { beginSession, foundSession } from "../session/koa-session.ts";
import { providerSessionName } from "../session/session.ts";
import type { Sessions } from "../session/sessions.ts";
import type { UserSessions } from "../session/user-sessions.ts";
import type { Store, TokenLife } from "../store/store.ts";
import { tokenLifeOf, tokenSetFrom, type TokenGrant } from "../tokens/token-set.ts";
import type { Vault } from "../tokens/vault.ts";
import { callbackParameters, parseCallbackQuery } from "./callback-parameters.ts";
import {
  LOGIN_ATTEMPT_SECONDS,
  parametersOf,
  type AttemptSecrets,
  type LoginAttempt,
  type LoginAttempts,
} from "./login-attempt.ts";
import { noLoginAttempt } from "./no-login-attempt.ts";
import { startAttempt } from "./start-attempt.ts";
import { isOwnIssuer } from "../provider/issuers.ts";
import { throwLoginRejection } from "../provider/login-errors.ts";
import type { Provider } from "../provider/provider.ts";
import { seeOther } from "../http/see-other.ts";
import { sessionFromClaims } from "./session-from-claims.ts";
import type { SilentLogin } from "./silent-login.ts";

export type LoginDependencies = {
  publicOrigin: string;
  transportSecurity: string | undefined;
  pages: Pages;
  /** See http/route-table.ts. */
  isPage: (path: string) => boolean;
  /** Whether an upstream renders the page at this return path. */
  isForwarded: (returnPath: string) => boolean;
  config: Pick<ProviderConfig, "issuer" | "tenants" | "rolePaths" | "loginParameters">;
  /** False with INSECURE_COOKIES: browsers that store no Secure cookie over http can log in. */
  needsSecureCookies: boolean;
  /** Called at each login with the lifetime that the provider allows. */
  onTokenLife: (grant: TokenGrant, life: TokenLife) => void;
  sessionsPerUser: number;
  provider: Provider;
  attempts: LoginAttempts;
  sessions: Sessions;
  userSessions: Pick<UserSessions, "keepNewest">;
  vault: Vault;
  store: Pick<Store, "markUsed" | "nowMs">;
  log: Log;
  silentLogin: SilentLogin;
  onLogin?: (outcome: "completed" | "failed" | "unavailable") => void;
};

/**
 * Completes a login attempt: 303 to its return path.
 * @throws GatewayError login_failed | step_up_failed | provider_unavailable | store_unavailable
 */
export function callback(dependencies: LoginDependencies) {
  const { publicOrigin, config, provider, attempts, silentLogin, store, log } = dependencies;
  const finish = async (ctx: Context): Promise<void> => {
    const requestId = ctx.state["requestId"] as string;
    const response = provider.readResponse(parseCallbackQuery(ctx.querystring));
    const { state } = callbackParameters(response.unverified);
    const header = ctx.get("cookie");
    const cookieOf = (id: string) => cookieValue(header, LOGIN_COOKIE_PREFIX + id);
    const resumed = attempts.resume(state, cookieOf);
    if (resumed === undefined) {
      const cause = attempts.explain(state, cookieOf);
      // A stale or repeated callback of a logged-in browser is not an error.
      if (foundSession(ctx) !== undefined) {
        log.debug("login callback ignored, browser is logged in", { requestId, reason: cause });
        return seeOther(ctx, `${publicOrigin}/`);
      }
      throw noLoginAttempt(cause, {
        needsSecureCookies: dependencies.needsSecureCookies && publicOrigin.startsWith("http:"),
        hasLoginCookie: loginCookieNames(header).length > 0,
      });
    }
    const { attempt } = resumed;
    ctx.state["returnPath"] = attempt.returnPath;
    if (silentLogin.isSilent(attempt.prompt)) ctx.state["silentReturnPath"] = attempt.returnPath;
    // Before the attempt is marked as used: during an outage the same callback can be repeated (I5).
    const issRequired = await provider.requiresResponseIss();
    // Before the attempt is marked as used: a forged response does not spend it.
    const query = callbackParameters(await response.verified());
    // A code is spent once: after a repeated callback (reload, back button) the provider would revoke the tokens of the
    // first one. The cookie is kept until it expires, so that a repetition is recognized. The nonce identifies the
    // attempt in every spelling of its state.
    if (!(await store.markUsed("state", hash("sha256", resumed.nonce, "base64url"), LOGIN_ATTEMPT_SECONDS * 1000))) {
      log.debug("login callback ignored, login attempt already used", { requestId });
      return seeOther(ctx, publicOrigin + attempt.returnPath);
    }
    // Mix-up attack (RFC 9207 §2.4): checked before any other parameter is used.
    if (query.iss === null ? issRequired : !isOwnIssuer(query.iss, config))
      throw loginFailed("iss is missing or names another provider (see OIDC_RESPONSE_ISS)");
    if (query.error !== undefined) {
      log.debug("login callback with an error of the provider", { requestId, reason: query.error });
      return endWithProviderError(ctx, dependencies, { ...query, error: query.error, attempt });
    }
    const session = await completeLogin(ctx, dependencies, { ...resumed, state, search: query.search });
    dependencies.onLogin?.("completed");
    silentLogin.reset(ctx);
    log.security("login_completed", {
      requestId,
      session: session.handle,
      subject: session.subject,
      providerSession: providerSessionName(session.providerSid),
    });
    // The browser withholds the new session cookie from this redirect (SameSite=Strict).
    if (dependencies.isForwarded(attempt.returnPath)) setNavigationMarker(ctx, attempt.returnPath, "logged-in");
    seeOther(ctx, publicOrigin + attempt.returnPath);
  };
  return async function callback(ctx: Context): Promise<void> {
    try {
      await finish(ctx);
    } catch (error) {
      dependencies.onLogin?.(error instanceof GatewayError && error.status === 503 ? "unavailable" : "failed");
      const silentReturnPath = ctx.state["silentReturnPath"] as string | undefined;
      if (silentReturnPath === undefined || !silentLogin.isHidden(error)) throw error;
      const requestId = ctx.state["requestId"] as string;
      log.security("login_failed", { requestId, code: error.code, reason: error.reason ?? "" });
      silentLogin.giveUp(ctx, publicOrigin + silentReturnPath);
    }
  };
}

type Resumed = AttemptSecrets & { attempt: LoginAttempt; state: string; search: string };

/** Exchanges the code, begins the session, then ends the replaced one and those above SESSIONS_PER_USER. */
async function completeLogin(
  ctx: Context,
  dependencies: LoginDependencies,
  { attempt, state, search, nonce, codeVerifier, proofSecret }: Resumed,
) {
  const { provider, sessions, vault, store } = dependencies;
  const expected = { state, nonce, codeVerifier, proofSecret, maxAgeSeconds: attempt.maxAgeSeconds };
  const { grant, claims } = await provider.exchangeCode(search, expected);
  const requestedAcr = attempt.acrValues?.split(" ");
  // acr_values is optional for the provider (OIDC Core 1.0 §3.1.2.1), so the level is checked here (ASVS 6.8.4).
  if (requestedAcr !== undefined && !requestedAcr.includes(claims.acr as string))
    throw new GatewayError("step_up_failed", { reason: "acr of the ID token is not in acr_values" });
  const nowMs = store.nowMs();
  const session = sessionFromClaims(claims, {
    rolePaths: dependencies.config.rolePaths,
    nowMs,
    userAgent: ctx.get("user-agent"),
  });
  const tokens = tokenSetFrom(grant, undefined, { nowMs, random: Math.random() });
  const tokenLife = tokenLifeOf(grant, false);
  dependencies.onTokenLife(grant, tokenLife);
  await beginSession(ctx, session, {
    tokenLife,
    sealTokens: (sessionId) => vault.seal(tokens, sessionId),
  });
  // The Strict session cookie is absent on the redirect from the provider, so the login attempt holds the session's key.
  // Ended only after the new session exists: a failed login keeps the old one.
  if (attempt.previousSession !== undefined) await sessions.end(attempt.previousSession, "replaced");
  // After the replaced session has ended, so that it does not count against the limit.
  await dependencies.userSessions.keepNewest(session, dependencies.sessionsPerUser);
  return session;
}

/** A login is restarted at most this often, so that provider and gateway never redirect in a loop. */
const MAX_RESTARTS = 1;

/** @throws GatewayError login_failed | step_up_failed | provider_unavailable */
async function endWithProviderError(
  ctx: Context,
  dependencies: LoginDependencies,
  { error, description, attempt }: { error: string; description: string | undefined; attempt: LoginAttempt },
): Promise<void> {
  const { provider, publicOrigin, config, silentLogin, store } = dependencies;
  // Also of a silent login: a rejected setting is reported in /readyz.
  const row = provider.authorizationError({ code: error, description });
  if (silentLogin.isSilent(attempt.prompt)) return silentLogin.giveUp(ctx, publicOrigin + attempt.returnPath);
  if (attempt.prompt === "none" && row.outcome === "new-login") return seeOther(ctx, publicOrigin + attempt.returnPath);
  const { restarts = 0 } = attempt;
  if (row.outcome === "restart" && restarts < MAX_RESTARTS) {
    const restarted = { ...attempt, startedAtMs: store.nowMs(), restarts: restarts + 1 };
    const extra = { ...config.loginParameters, ...parametersOf(attempt) };
    return seeOther(ctx, await startAttempt(ctx, dependencies, { attempt: restarted, extra }));
  }
  throwLoginRejection(row, { reason: `provider error: ${error}` });
}

function loginFailed(reason: string): GatewayError {
  return new GatewayError("login_failed", { reason });
}

/** HEAD of login, callback and provider logout: link checkers and previews start no login and use up no state. */
export function responseHead(ctx: Context): void {
  ctx.status = 200;
  ctx.set("Cache-Control", "no-store");
  ctx.body = "";
}
