// What ends a session, and the error of its later requests. Every end calls end-session.ts with one of these reasons; an
// outage ends no session (I5).
import { GatewayError, type ErrorCode } from "../errors.ts";
import type { EndReason } from "../store/store.ts";

export const END_REASON_TO_ERROR_CODE: Readonly<Record<EndReason, ErrorCode>> = {
  /** The user, in this browser: auth/logout.ts. */
  logout: "session_revoked",
  /** Another login in this browser: auth/callback.ts. */
  replaced: "session_revoked",
  /** The provider, by a logout token: auth/backchannel-logout.ts. */
  provider_logout: "session_revoked",
  /** The user from another browser: auth/sessions.ts. An administrator: cli/sessions.ts. */
  revoked: "session_revoked",
  /** A newer login beyond SESSIONS_PER_USER: session/user-sessions.ts. */
  limit: "session_revoked",
  /** The provider rejected the refresh token: tokens/refresh.ts. */
  refresh_rejected: "session_expired",
  /** A limit of the session or the lifetime of its tokens: Redis, proxy/authorize.ts. */
  expired: "session_expired",
};

/**
 * @param endReason undefined: no session of this id is known
 * @param options `loginUrl`: of the login that the request needs; undefined: any login
 */
export function sessionEnded(
  endReason: EndReason | undefined,
  {
    reason = endReason ?? "no such session",
    loginUrl,
  }: { reason?: string | undefined; loginUrl?: string | undefined } = {},
) {
  if (endReason === undefined) return new GatewayError("session_expired", { reason, loginUrl });
  return new GatewayError(END_REASON_TO_ERROR_CODE[endReason], { reason, endReason, loginUrl });
}
