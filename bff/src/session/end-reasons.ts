// The error of a request whose session has ended, by the reason of its end.
import { GatewayError, type ErrorCode } from "../errors.ts";
import type { EndReason } from "../store/store.ts";

export const END_REASON_TO_ERROR_CODE: Readonly<Record<EndReason, ErrorCode>> = {
  logout: "session_revoked",
  replaced: "session_revoked",
  provider_logout: "session_revoked",
  revoked: "session_revoked",
  limit: "session_revoked",
  refresh_rejected: "session_expired",
  expired: "session_expired",
};

/** @param endReason undefined: no session of this id is known */
export function sessionEnded(endReason: EndReason | undefined, reason: string = endReason ?? "no such session") {
  if (endReason === undefined) return new GatewayError("session_expired", { reason });
  return new GatewayError(END_REASON_TO_ERROR_CODE[endReason], { reason, endReason });
}
