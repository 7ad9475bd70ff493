// What went wrong, as the gateway says it: RFC 9457 problem+json, read without trusting its shape.
import { plainText } from "./plain-text.ts";

export interface Problem {
  readonly status: number;
  readonly title: string;
  readonly detail: string | null;
  /** One of the gateway's stable codes; null when the answer came from something else. */
  readonly code: string | null;
  readonly requestId: string | null;
  readonly retryAfterMs: number | null;
  /** Only ever a path of our own gateway, so that no answer can send the person elsewhere. */
  readonly loginUrl: string | null;
}

const sessionEndCodes = ["session_missing", "session_expired", "session_revoked"] as const;
export type SessionEndCode = (typeof sessionEndCodes)[number];

/** An upstream's own 401 carries none of these codes and must not look like the end of the session. */
export function sessionEndCodeOf(problem: Problem): SessionEndCode | null {
  if (problem.status !== 401) return null;
  return sessionEndCodes.find((code) => code === problem.code) ?? null;
}

/** Seconds or an HTTP date (RFC 9110 §10.2.3). */
export function retryAfterMsOf(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  const text = header.trim();
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}

export function problemOf(answer: {
  status: number;
  body: unknown;
  requestIdHeader: string | null;
  retryAfterMs: number | null;
}): Problem {
  const fields = isRecord(answer.body) ? answer.body : {};
  const loginUrl = textOf(fields["loginUrl"]);
  return {
    status: answer.status,
    title: titleOf(fields) ?? titleOfStatus(answer.status),
    detail: textOf(fields["detail"]),
    code: textOf(fields["code"]),
    requestId: textOf(fields["requestId"]) ?? answer.requestIdHeader,
    retryAfterMs: answer.retryAfterMs,
    loginUrl: loginUrl?.startsWith("/bff/login") ? loginUrl : null,
  };
}

export async function problemFrom(response: Response): Promise<Problem> {
  return problemOf({
    status: response.status,
    body: jsonOrNull(await response.text()),
    requestIdHeader: response.headers.get("x-request-id"),
    retryAfterMs: retryAfterMsOf(response.headers.get("retry-after"), Date.now()),
  });
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? plainText(value) : null;
}

/** With the type about:blank the title repeats the status in HTTP's words (RFC 9457 §4.2.1), such as "Forbidden". */
function titleOf(fields: Record<string, unknown>): string | null {
  return fields["type"] === "about:blank" ? null : textOf(fields["title"]);
}

function titleOfStatus(status: number): string {
  if (status >= 500) return "The server could not answer";
  return statusTitles[status] ?? "The request was refused";
}

const statusTitles: Readonly<Record<number, string>> = {
  0: "The response was a redirect, which this page does not follow",
  401: "The API did not accept the login",
  403: "Your account may not do this",
  404: "There is nothing at this address",
  408: "The request took too long",
  409: "Something else changed this in the meantime",
  413: "That was too much at once",
  429: "Too many requests in a short time",
};

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // An HTML error page of a proxy in between: the status still tells enough.
  }
}
