// The error code of a request whose session has ended, by the reason of its end.
import type { ErrorCode } from "../errors.ts";
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
