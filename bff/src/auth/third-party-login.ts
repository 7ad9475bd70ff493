// Logins that another site starts: third-party-initiated logins (OIDC Core 1.0 §4) and links. They never replace the session
// of a user without that user's consent (login CSRF).
import type { Session } from "../session/session.ts";
import type { LoginParameters } from "./login-parameters.ts";

export type LoginOrigin = {
  /** The request comes from a page of another site, so that the browser has withheld the Strict session cookie. */
  isCrossSite: boolean;
  /** The request comes from a page of a sibling host, with the session cookie. */
  isSibling: boolean;
  /** The request is a form post of a page of the gateway. */
  isOwnForm: boolean;
};

/**
 * `start`: begin the login. `repeat`: send a page that repeats the request from our own origin, with the session cookie.
 * `confirm`: ask the user. `stay`: open the return path without a login.
 */
export type LoginDecision = "start" | "repeat" | "confirm" | "stay";

/** Value of `confirmed` while no session is known. */
export const NO_SESSION = "none";

export function decideLogin(
  parameters: Omit<LoginParameters, "returnPath">,
  { isCrossSite, isSibling, isOwnForm }: LoginOrigin,
  session: Pick<Session, "handle" | "subject" | "user"> | undefined,
): LoginDecision {
  const { issuer, isRepeated, confirmed } = parameters;
  const isForeign = isCrossSite || isSibling;
  const isOurs = issuer === undefined && confirmed === undefined && isRepeated === undefined && !isForeign;
  if (isOurs) return "start";
  // Consent counts for the session that the page has named: another tab may have logged in as another user since.
  if (isOwnForm && confirmed === (session?.handle ?? NO_SESSION)) return "start";
  if (session === undefined) {
    if (!isCrossSite) return "start";
    // At most one repetition: a browser that reports our own page as another site is asked instead.
    return isRepeated === true ? "confirm" : "repeat";
  }
  const { prompt, acrValues, maxAgeSeconds } = parameters;
  if (prompt === "none") return "stay";
  const isPlain = prompt === undefined && acrValues === undefined && maxAgeSeconds === undefined;
  return isPlain && isHintOf(parameters.extra["login_hint"], session) ? "stay" : "confirm";
}

/** Claims that a `login_hint` may contain, compared exactly. */
const HINT_CLAIMS = ["preferred_username", "email"] as const;

function isHintOf(hint: string | undefined, { subject, user }: Pick<Session, "subject" | "user">): boolean {
  return hint !== undefined && [subject, ...HINT_CLAIMS.map((name) => user[name])].includes(hint);
}
