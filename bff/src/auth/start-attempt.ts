// Starts one login attempt: its cookie in the browser, its authorization request at the provider.
import type { Context } from "koa";
import type { Log } from "../logging/log.ts";
import type { Provider } from "../provider/provider.ts";
import { LOGIN_COOKIE_PREFIX, loginCookieAttributes, loginCookieNames } from "../session/cookies.ts";
import { LOGIN_ATTEMPT_SECONDS, MAX_LOGIN_ATTEMPTS, type LoginAttempt, type LoginAttempts } from "./login-attempt.ts";

type Dependencies = {
  provider: Pick<Provider, "authorizationUrl">;
  attempts: Pick<LoginAttempts, "start">;
  log: Pick<Log, "security">;
};

/** @param extra parameters of the authorization request. @returns its URL. @throws GatewayError provider_unavailable */
export async function startAttempt(
  ctx: Context,
  { provider, attempts, log }: Dependencies,
  { attempt, extra }: { attempt: LoginAttempt; extra: Readonly<Record<string, string>> },
): Promise<string> {
  const { id, cookieValue: binding, ...request } = attempts.start(attempt);
  const url = await provider.authorizationUrl({ ...request, extra });
  dropOldestAttempts(ctx);
  const cookie = { ...loginCookieAttributes, maxAge: LOGIN_ATTEMPT_SECONDS * 1000 };
  ctx.cookies.set(LOGIN_COOKIE_PREFIX + id, binding, cookie);
  log.security("login_started", { requestId: ctx.state["requestId"] });
  return url.href;
}

function dropOldestAttempts(ctx: Context): void {
  const names = loginCookieNames(ctx.get("cookie"));
  const surplus = Math.min(Math.max(0, names.length - MAX_LOGIN_ATTEMPTS + 1), MAX_LOGIN_ATTEMPTS);
  for (const name of names.slice(0, surplus)) ctx.cookies.set(name, "", { ...loginCookieAttributes, maxAge: 0 });
}
