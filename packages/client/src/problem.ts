// Error responses: RFC 9457 problem details, parsed without trusting their shape.
import { attempt } from "./attempt.ts";

/** An error response of the gateway or of an API. Its texts are those of the sender. */
export interface Problem {
  /** 0 for a redirect that was not followed: browsers hide its status. */
  readonly status: number;
  /** Null if the response has none of its own, which includes the status phrase of `about:blank` (RFC 9457 §4.2.1). */
  readonly title: string | null;
  readonly detail: string | null;
  /** One of the gateway's stable codes, or a code of the API; null for any other response, such as one of a proxy. */
  readonly code: string | null;
  /** Why the session has ended, with a 401 of the gateway. */
  readonly reason: string | null;
  /** For support: the gateway logs it. */
  readonly requestId: string | null;
  /** `Retry-After` as a delay. */
  readonly retryAfterMs: number | null;
  /** A path of the gateway's login route only: prevents an open redirect through an API's response. */
  readonly loginUrl: string | null;
}

export type SessionEndCode = "session_missing" | "session_expired" | "session_revoked";

/** @returns null for an upstream's own 401, which does not end the session */
export function sessionEndCodeOf(problem: Problem): SessionEndCode | null {
  const { status, code } = problem;
  return status === 401 && /^session_(missing|expired|revoked)$/.test(code ?? "") ? (code as SessionEndCode) : null;
}

/** Parses `Retry-After`: delay in seconds or an HTTP date (RFC 9110 §10.2.3). */
export function parseRetryAfterMs(header: string | null, nowMs: number): number | null {
  const text = header?.trim() ?? "";
  const delayMs = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isFinite(delayMs) ? Math.max(0, delayMs) : null;
}

/** Reads the response's body. @param loginPath the gateway's login route */
export async function readProblem(response: Response, loginPath: string): Promise<Problem> {
  const { status, headers } = response;
  const fields = parseRecord(await response.text());
  const textOf = (name: string): string | null => textOrNull(fields[name]);
  const loginUrl = textOf("loginUrl");
  return {
    status,
    title: fields["type"] === "about:blank" ? null : textOf("title"),
    detail: textOf("detail"),
    code: textOf("code"),
    reason: textOf("reason"),
    requestId: textOf("requestId") ?? headers.get("x-request-id"),
    retryAfterMs: parseRetryAfterMs(headers.get("retry-after"), Date.now()),
    loginUrl: loginUrl?.split("?")[0] === loginPath ? loginUrl : null,
  };
}

/** @returns null for an empty text too */
export function textOrNull(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** @returns no members for another text, such as the HTML error page of a proxy in between */
export function parseRecord(text: string): Record<string, unknown> {
  const value = attempt((): unknown => JSON.parse(text));
  return isRecord(value) ? value : {};
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
