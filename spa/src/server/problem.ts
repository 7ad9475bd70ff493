// Error responses: RFC 9457 problem details, parsed without trusting their shape.
import { sanitizeText } from "./sanitize-text.ts";

export interface Problem {
  readonly status: number;
  readonly title: string;
  readonly detail: string | null;
  /** One of the gateway's stable codes; null for a response of anything else, such as a proxy in between. */
  readonly code: string | null;
  readonly requestId: string | null;
  readonly retryAfterMs: number | null;
  /** A path of the gateway's login route only: prevents an open redirect through an API's response. */
  readonly loginUrl: string | null;
}

const sessionEndCodes = ["session_missing", "session_expired", "session_revoked"] as const;
export type SessionEndCode = (typeof sessionEndCodes)[number];

/** @returns null for an upstream's own 401, which does not end the session */
export function sessionEndCodeOf(problem: Problem): SessionEndCode | null {
  if (problem.status !== 401) return null;
  return sessionEndCodes.find((code) => code === problem.code) ?? null;
}

/** Parses `Retry-After`: delay in seconds or an HTTP date (RFC 9110 §10.2.3). */
export function parseRetryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  const text = header.trim();
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}

export function parseProblem(response: {
  status: number;
  body: unknown;
  requestIdHeader: string | null;
  retryAfterMs: number | null;
}): Problem {
  const fields = isRecord(response.body) ? response.body : {};
  const loginUrl = nonEmptyText(fields["loginUrl"]);
  return {
    status: response.status,
    title: titleOf(fields) ?? defaultTitle(response.status),
    detail: nonEmptyText(fields["detail"]),
    code: nonEmptyText(fields["code"]),
    requestId: nonEmptyText(fields["requestId"]) ?? response.requestIdHeader,
    retryAfterMs: response.retryAfterMs,
    loginUrl: loginUrl?.startsWith("/bff/login") ? loginUrl : null,
  };
}

export async function readProblem(response: Response): Promise<Problem> {
  return parseProblem({
    status: response.status,
    body: parseJsonOrNull(await response.text()),
    requestIdHeader: response.headers.get("x-request-id"),
    retryAfterMs: parseRetryAfterMs(response.headers.get("retry-after"), Date.now()),
  });
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function nonEmptyText(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? sanitizeText(value) : null;
}

/** Ignores the title of `about:blank` problems: it only repeats the status phrase (RFC 9457 §4.2.1). */
function titleOf(fields: Record<string, unknown>): string | null {
  return fields["type"] === "about:blank" ? null : nonEmptyText(fields["title"]);
}

function defaultTitle(status: number): string {
  if (status >= 500) return "The server could not process the request";
  return defaultTitles[status] ?? "The request was rejected";
}

const defaultTitles: Readonly<Record<number, string>> = {
  // `redirect: "manual"` hides the status of a redirect.
  0: "The response was a redirect, which this page does not follow",
  401: "The API did not accept the login",
  403: "Your account may not do this",
  404: "There is nothing at this address",
  408: "The request took too long",
  409: "The resource was changed in the meantime",
  413: "The request is too large",
  429: "Too many requests in a short time",
};

function parseJsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // For example the HTML error page of a proxy in between.
  }
}
