// Error of a callback whose `state` belongs to no login attempt of this browser (login CSRF, RFC 9700 §4.7).
import { GatewayError } from "../errors.ts";
import { LOGIN_ATTEMPT_SECONDS, type LoginAttempts } from "./login-attempt.ts";

type BrowserFacts = { needsSecureCookies: boolean; hasLoginCookie: boolean };

/**
 * `no-cookie` has four causes: the attempt expired, it was already used (and its cookie cleared by a logout), the browser
 * blocks cookies, or the login was started in another browser, private window or host name. The cure is the same: start the
 * login again in this browser.
 */
export function noLoginAttempt(
  cause: ReturnType<LoginAttempts["explain"]>,
  { needsSecureCookies, hasLoginCookie }: BrowserFacts,
): GatewayError {
  if (cause === "expired")
    return new GatewayError("login_failed", {
      reason: `login attempt expired: started more than ${LOGIN_ATTEMPT_SECONDS} seconds ago`,
      explanation: "login_expired",
    });
  if (cause === "unknown")
    return new GatewayError("login_failed", {
      reason: "unknown state: altered, or issued by another gateway or for another browser",
    });
  if (needsSecureCookies && !hasLoginCookie)
    return new GatewayError("login_failed", {
      reason: "no login cookie: WebKit browsers store no Secure cookie over http. Use https or another browser",
      explanation: "secure_cookie_not_stored",
    });
  return new GatewayError("login_failed", {
    reason:
      "unknown state: this browser has no pending login (expired, already used, cookies blocked, or started in another browser or under another host name). Start the login again in this browser",
    explanation: "login_cookie_missing",
  });
}
