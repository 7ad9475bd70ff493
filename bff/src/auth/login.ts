// How a session begins: /bff/login sends the browser to the provider, /bff/callback takes it back.
import { hash } from "node:crypto";
import type { Context } from "koa";
import type { ProviderConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import type { Log } from "../logging/log.ts";
import { cookieValue, LOGIN_COOKIE_PREFIX, loginCookieAttributes, loginCookieNames } from "../session/cookies.ts";
import { beginSession, foundSession } from "../session/koa-session.ts";
import { providerSessionName } from "../session/session.ts";
import type { Sessions } from "../session/sessions.ts";
import type { UserSessions } from "../session/user-sessions.ts";
import type { Store, TokenLife } from "../store/store.ts";
import { tokenLifeOf, tokenSetFrom, type TokenGrant } from "../tokens/token-set.ts";
import type { Vault } from "../tokens/vault.ts";
import {
  LOGIN_ATTEMPT_SECONDS,
  MAX_LOGIN_ATTEMPTS,
  type AttemptSecrets,
  type LoginAttempt,
  type LoginAttempts,
} from "./login-attempt.ts";
import { parseLoginParameters } from "./login-parameters.ts";
import { wordOf } from "../provider/provider-errors.ts";
import type { Provider } from "../provider/provider.ts";
import { sessionFromClaims } from "./session-from-claims.ts";

export type LoginParts = {
  publicOrigin: string;
  config: Pick<ProviderConfig, "issuer" | "rolesClaim" | "responseIssRequired">;
  /** Whether a browser that stores no Secure cookie over http cannot log in. */
  needsSecureCookies: boolean;
  /** Told how long the provider lets a session go on, at each login. */
  onTokenLife: (grant: TokenGrant, life: TokenLife) => void;
  sessionsPerUser: number;
  provider: Provider;
  attempts: LoginAttempts;
  sessions: Sessions;
  userSessions: Pick<UserSessions, "keepNewest">;
  vault: Vault;
  store: Pick<Store, "markUsed" | "nowMs">;
  log: Log;
  onLogin?: (outcome: "completed" | "failed" | "unavailable") => void;
};

export function login({ publicOrigin, provider, attempts, store, log }: LoginParts) {
  return async function startLogin(ctx: Context): Promise<void> {
    const parameters = parseLoginParameters(ctx.querystring, publicOrigin);
    // The error page of this request offers to try again for the same page.
    ctx.state["returnPath"] = parameters.returnPath;
    const { returnPath, prompt, acrValues, maxAgeSeconds, extra } = parameters;
    const previousSession = foundSession(ctx)?.key;
    const attempt: LoginAttempt = {
      startedAtMs: store.nowMs(),
      returnPath,
      ...(previousSession === undefined ? {} : { previousSession }),
      ...(prompt === undefined ? {} : { prompt }),
      ...(acrValues === undefined ? {} : { acrValues }),
      ...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }),
    };
    const { id, cookieValue: binding, ...request } = attempts.start(attempt);
    const url = await provider.authorizationUrl({ ...request, extra });
    giveUpOldestAttempts(ctx);
    const cookie = { ...loginCookieAttributes, maxAge: LOGIN_ATTEMPT_SECONDS * 1000 };
    ctx.cookies.set(LOGIN_COOKIE_PREFIX + id, binding, cookie);
    log.security("login_started", { requestId: ctx.state["requestId"] });
    seeOther(ctx, url.href);
  };
}

export function callback(parts: LoginParts) {
  const { publicOrigin, attempts, store, log } = parts;
  const finish = async (ctx: Context): Promise<void> => {
    const query = parseCallback(ctx.querystring);
    const header = ctx.get("cookie");
    const cookieOf = (id: string) => cookieValue(header, LOGIN_COOKIE_PREFIX + id);
    const resumed = attempts.resume(query.state, cookieOf);
    if (resumed === undefined) {
      // A stale or repeated callback of somebody who is logged in: nothing to do, nothing to complain about.
      if (foundSession(ctx) !== undefined) return seeOther(ctx, `${publicOrigin}/`);
      throw notResumed(attempts.explain(query.state, cookieOf), {
        needsSecureCookies: parts.needsSecureCookies && publicOrigin.startsWith("http:"),
        hasLoginCookie: loginCookieNames(header).length > 0,
      });
    }
    const { attempt } = resumed;
    ctx.state["returnPath"] = attempt.returnPath;
    // One state, one code, one session: a repeated callback (reload, back button) would make the provider revoke
    // what the first one got. The cookie stays until it runs out, so that the repetition is recognized as ours.
    // The nonce stands for the attempt itself, however its state is spelled.
    if (!(await store.markUsed("state", hash("sha256", resumed.nonce, "base64url"), LOGIN_ATTEMPT_SECONDS * 1000)))
      return seeOther(ctx, publicOrigin + attempt.returnPath);
    // Mix-up defence (RFC 9207 §2.4): before anything else of the answer is used.
    if (query.iss === null ? parts.config.responseIssRequired : query.iss !== parts.config.issuer)
      throw refused("iss is missing or names another provider (see OIDC_RESPONSE_ISS)");
    if (query.error !== undefined) return afterProviderError(ctx, parts, { error: query.error, attempt });
    const session = await completeLogin(ctx, parts, { ...resumed, state: query.state });
    parts.onLogin?.("completed");
    log.security("login_completed", {
      requestId: ctx.state["requestId"],
      session: session.handle,
      subject: session.subject,
      providerSession: providerSessionName(session.providerSid),
    });
    seeOther(ctx, publicOrigin + attempt.returnPath);
  };
  return async function finishLogin(ctx: Context): Promise<void> {
    try {
      await finish(ctx);
    } catch (error) {
      parts.onLogin?.(error instanceof GatewayError && error.status === 503 ? "unavailable" : "failed");
      throw error;
    }
  };
}

type Resumed = AttemptSecrets & { attempt: LoginAttempt; state: string };

async function completeLogin(ctx: Context, parts: LoginParts, { attempt, state, nonce, codeVerifier }: Resumed) {
  const { provider, sessions, vault } = parts;
  const expected = { state, nonce, codeVerifier, maxAgeSeconds: attempt.maxAgeSeconds };
  const login = await provider.exchangeCode(ctx.search, expected);
  const wanted = attempt.acrValues?.split(" ");
  // acr_values is only a wish to the provider: whoever asked for more must not get less (ASVS 6.8.4).
  if (wanted !== undefined && !wanted.includes(login.claims.acr as string))
    throw new GatewayError("step_up_failed", { reason: "the provider did not reach the acr that was asked for" });
  const nowMs = parts.store.nowMs();
  const session = sessionFromClaims(login.claims, {
    rolesClaim: parts.config.rolesClaim,
    nowMs,
    userAgent: ctx.get("user-agent"),
  });
  const tokens = tokenSetFrom(login.grant, undefined, { nowMs, random: Math.random() });
  const tokenLife = tokenLifeOf(login.grant, false);
  parts.onTokenLife(login.grant, tokenLife);
  await beginSession(ctx, session, {
    tokenLife,
    sealTokens: (sessionId) => vault.seal(tokens, sessionId),
  });
  // Its Strict cookie does not come along on the way back from the provider, so the attempt remembered it. Only now:
  // a login that fails half-way must not cost the session that was there.
  if (attempt.previousSession !== undefined) await sessions.end(attempt.previousSession, "replaced");
  // After that: the browser's own old session must not cost one on another device.
  await parts.userSessions.keepNewest(session, parts.sessionsPerUser);
  return session;
}

/** `prompt=none` asks whether somebody is logged in; "no" is an answer, not a fault (OIDC Core 1.0 §3.1.2.6). */
const NOT_LOGGED_IN = new Set([
  "login_required",
  "interaction_required",
  "consent_required",
  "account_selection_required",
]);

function afterProviderError(
  ctx: Context,
  parts: LoginParts,
  { error, attempt }: { error: string; attempt: LoginAttempt },
) {
  if (attempt.prompt === "none" && NOT_LOGGED_IN.has(error))
    return seeOther(ctx, parts.publicOrigin + attempt.returnPath);
  if (error === "temporarily_unavailable" || error === "server_error")
    throw new GatewayError("provider_unavailable", { reason: `the provider answered ${error}` });
  throw refused(`the provider answered ${error}`);
}

type CallbackQuery = { state: string; iss: string | null; error: string | undefined };

/** @throws GatewayError login_failed for a repeated or oversized parameter (parameter pollution, ASVS 15.3.7). */
function parseCallback(query: string): CallbackQuery {
  const parameters = new URLSearchParams(query);
  const names = [...parameters.keys()];
  if (query.length > 8_192 || names.length > 16) throw refused("the callback is too large");
  if (new Set(names).size !== names.length) throw refused("a parameter is given twice");
  const state = parameters.get("state");
  const error = parameters.get("error");
  if (state === null) throw refused("there is no state");
  if (error === null && parameters.get("code") === null) throw refused("there is neither code nor error");
  // Only words of the specification reach the log.
  return {
    state,
    iss: parameters.get("iss"),
    error: error === null ? undefined : wordOf(error),
  };
}

function giveUpOldestAttempts(ctx: Context): void {
  const names = loginCookieNames(ctx.get("cookie"));
  const surplus = Math.min(Math.max(0, names.length - MAX_LOGIN_ATTEMPTS + 1), MAX_LOGIN_ATTEMPTS);
  for (const name of names.slice(0, surplus)) ctx.cookies.set(name, "", { ...loginCookieAttributes, maxAge: 0 });
}

type Surroundings = { needsSecureCookies: boolean; hasLoginCookie: boolean };

function notResumed(
  cause: ReturnType<LoginAttempts["explain"]>,
  { needsSecureCookies, hasLoginCookie }: Surroundings,
): GatewayError {
  if (cause === "expired")
    return new GatewayError("login_failed", {
      reason: `the login was started more than ${LOGIN_ATTEMPT_SECONDS} seconds ago`,
      explanation: "login_expired",
    });
  if (cause === "unknown")
    return refused("the state is not of a login that this browser has started: altered, or of another gateway");
  if (needsSecureCookies && !hasLoginCookie)
    return new GatewayError("login_failed", {
      reason:
        "no login cookie: browsers based on WebKit store no Secure cookie over http; use https or another browser",
      explanation: "secure_cookie_not_stored",
    });
  return new GatewayError("login_failed", {
    reason:
      "the state is not of a login that this browser has under way: no login cookie (blocked, expired, or another host name)",
    explanation: "login_cookie_missing",
  });
}

function refused(reason: string): GatewayError {
  return new GatewayError("login_failed", { reason });
}

/** HEAD on login and callback: a link checker or a preview starts no login and spends no state. */
export function responseHead(ctx: Context): void {
  ctx.status = 200;
  ctx.set("Cache-Control", "no-store");
  ctx.body = "";
}

/** 303: whatever the method was, the next request is a GET (RFC 9700 §4.12). */
function seeOther(ctx: Context, location: string): void {
  ctx.status = 303;
  ctx.set("Location", location);
  ctx.body = null;
  ctx.status = 303;
}
