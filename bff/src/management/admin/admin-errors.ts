// Errors of the admin API as problems (RFC 9457), with stable codes. The listener is not public: details may name settings.
import { STATUS_CODES } from "node:http";
import { GatewayError } from "../../errors.ts";
import { redisErrorCode } from "../../store/redis/redis-errors.ts";

export const ADMIN_ERRORS = {
  admin_token_rejected: { status: 401, detail: "The request has no valid admin token (Authorization: Bearer …)." },
  admin_browser_rejected: { status: 403, detail: "The request comes from a browser. The admin API is for programs." },
  admin_host_rejected: {
    status: 421,
    detail: "Host is a name of the public DNS. Use the address of the management listener, or localhost.",
  },
  request_malformed: { status: 400, detail: "The request is not valid." },
  confirmation_required: {
    status: 400,
    detail: "This ends the sessions of all users. Add ?confirm=all. Nothing was ended.",
  },
  not_found: { status: 404, detail: "There is nothing at this address." },
  method_not_allowed: { status: 405, detail: "This address does not allow that method." },
  provider_sessions_not_configured: {
    status: 409,
    detail:
      "atProvider needs KEYCLOAK_ADMIN_CLIENT_ID and KEYCLOAK_ADMIN_CLIENT_SECRET, and a user of OIDC_ISSUER. Nothing was ended.",
  },
  too_many_requests: { status: 429, detail: "Too many rejected requests. Try again in a minute." },
  internal: { status: 500, detail: "An internal error occurred." },
  store_permission_missing: {
    status: 500,
    detail:
      "Redis rejected it (NOPERM): the gateway's Redis user lacks a permission. Lists and counts need `scan`, see docs/guides/manage-sessions.md.",
  },
  provider_sessions_not_ended: {
    status: 502,
    detail: "The user's sessions here have ended (`ended`), those at the provider have not. See the log.",
  },
  store_unavailable: {
    status: 503,
    detail: "The session store cannot be used right now. Repeat the request; it is idempotent.",
  },
} as const satisfies Record<string, { status: number; detail: string }>;

export type AdminErrorCode = keyof typeof ADMIN_ERRORS;

export type AdminProblem = {
  type: "about:blank";
  title: string;
  status: number;
  detail: string;
  code: AdminErrorCode;
  requestId: string;
  /** Number of sessions that the request has ended before the error. */
  ended?: number;
};

type AdminErrorOptions = { detail?: string; cause?: unknown; allow?: readonly string[] };

export class AdminError extends Error {
  override readonly name = "AdminError";
  readonly code: AdminErrorCode;
  readonly detail: string;
  readonly allow: readonly string[] | undefined;
  constructor(code: AdminErrorCode, { detail = ADMIN_ERRORS[code].detail, cause, allow }: AdminErrorOptions = {}) {
    super(detail, { cause });
    this.code = code;
    this.detail = detail;
    this.allow = allow;
  }
}

/** A rejection of Redis is not 503: repeating the request does not help. */
export function toAdminError(thrown: unknown): AdminError {
  if (thrown instanceof AdminError) return thrown;
  if (!(thrown instanceof GatewayError) || thrown.code !== "store_unavailable")
    return new AdminError("internal", { cause: thrown });
  const isRejected = redisErrorCode(thrown.cause) === "NOPERM";
  return new AdminError(isRejected ? "store_permission_missing" : "store_unavailable", { cause: thrown });
}

export function problemOf({ code, detail }: AdminError, ended: number | undefined, requestId: string): AdminProblem {
  const { status } = ADMIN_ERRORS[code];
  const title = STATUS_CODES[status] ?? "Error";
  return { type: "about:blank", title, status, detail, code, requestId, ...(ended === undefined ? {} : { ended }) };
}
