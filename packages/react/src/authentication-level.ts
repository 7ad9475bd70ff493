// Whether a session is authenticated strongly and recently enough for a page (RFC 9470). It decides what is shown; the
// gateway checks every request.
import type { LoginOptions, Session } from "@cloakroom/client";

/** Names and units of OpenID Connect. */
export interface RequiredLevel {
  /** One of these must be the session's `acr`. */
  readonly acrValues?: string | readonly string[];
  /** Maximum time since the user authenticated, in seconds. */
  readonly maxAge?: number;
}

/** An unknown `acr` or time counts as too weak or too old. */
export function isStrongEnough(session: Session, { acrValues, maxAge }: RequiredLevel, nowMs = Date.now()): boolean {
  const accepted = acrValues === undefined ? [] : [acrValues].flat();
  const isAcrAccepted = accepted.length === 0 || (session.acr !== null && accepted.includes(session.acr));
  const isRecent =
    maxAge === undefined || (session.authTimeMs !== null && nowMs - session.authTimeMs <= maxAge * 1_000);
  return isAcrAccepted && isRecent;
}

/** Options of the login that reaches the level. */
export function loginOptionsOf({ acrValues, maxAge }: RequiredLevel): LoginOptions {
  return { ...(acrValues === undefined ? {} : { acrValues }), ...(maxAge === undefined ? {} : { maxAge }) };
}
