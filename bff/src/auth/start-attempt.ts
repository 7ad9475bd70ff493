// Starts one login attempt: sets its cookie and builds its authorization request (OIDC Core 1.0 §3.1.2.1).
import type { Context } from "koa";
import { fitsIntoHead } from "../http/response-head.ts";
import type { Log } from "../logging/log.ts";
import type { Provider } from "../provider/provider.ts";
import { LOGIN_COOKIE_PREFIX, loginCookieAttributes, loginCookieNames } from "../session/cookies.ts";
import {
  CLEARED_COOKIE_BYTES,
  fitsIntoState,
  LOGIN_ATTEMPT_SECONDS,
  MAX_LOGIN_ATTEMPTS,
  type LoginAttempt,
  type LoginAttempts,
} from "./login-attempt.ts";

type Dependencies = {
  provider: Pick<Provider, "authorizationUrl">;
  attempts: Pick<LoginAttempts, "start">;
  log: Pick<Log, "security">;
};

/** Name, value and attributes of a login cookie. */
const COOKIE_BYTES = 176;

/**
 * A return path that makes the state or the response head too long, with the other parameters, is replaced by `/`.
 * @param extra parameters of the authorization request
 * @returns its URL
 * @throws GatewayError provider_unavailable
 */
export async function startAttempt(
  ctx: Context,
  { provider, attempts, log }: Dependencies,
  { attempt, extra }: { attempt: LoginAttempt; extra: Readonly<Record<string, string>> },
): Promise<string> {
  const begin = async (each: LoginAttempt) => {
    const { id, cookieValue, ...request } = attempts.start(each);
    const { href } = await provider.authorizationUrl({ ...request, extra });
    return { id, cookieValue, href };
  };
  const toStartPage: LoginAttempt = { ...attempt, returnPath: "/" };
  let begun = await begin(fitsIntoState(attempt) ? attempt : toStartPage);
  if (attempt.returnPath !== "/" && !fitsIntoHead(ctx.res, begun.href.length + COOKIE_BYTES))
    begun = await begin(toStartPage);
  const { id, cookieValue, href } = begun;
  const cookie = { ...loginCookieAttributes, maxAge: LOGIN_ATTEMPT_SECONDS * 1000 };
  ctx.cookies.set(LOGIN_COOKIE_PREFIX + id, cookieValue, cookie);
  dropOldestAttempts(ctx, href.length);
  log.security("login_started", { requestId: ctx.state["requestId"] });
  return href;
}

/** As many as fit into the response head; a later login drops the others. */
function dropOldestAttempts(ctx: Context, urlBytes: number): void {
  const names = loginCookieNames(ctx.get("cookie"));
  const surplus = Math.min(Math.max(0, names.length - MAX_LOGIN_ATTEMPTS + 1), MAX_LOGIN_ATTEMPTS);
  for (const name of names.slice(0, surplus))
    if (fitsIntoHead(ctx.res, CLEARED_COOKIE_BYTES + urlBytes))
      ctx.cookies.set(name, "", { ...loginCookieAttributes, maxAge: 0 });
}
