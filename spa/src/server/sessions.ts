// /bff/sessions: lists and ends the user's own sessions.
import { gateway } from "../paths.ts";
import { parseLogoutLocation } from "./logout.ts";
import { isRecord } from "./problem.ts";
import { type Outcome, request } from "./request.ts";
import { sanitizeJson } from "./sanitize-text.ts";
import { clockSkewMs, parseTimeMs } from "./user.ts";

const listTimeoutMs = 8_000;
// The gateway may revoke tokens at the provider before it responds.
const endTimeoutMs = 15_000;

export interface SessionSummary {
  /** The public handle, never the session id. */
  readonly handle: string;
  readonly isCurrent: boolean;
  readonly device: string | null;
  readonly createdAtMs: number | null;
  readonly lastUsedAtMs: number | null;
}

export function fetchSessions(signal?: AbortSignal): Promise<Outcome<readonly SessionSummary[]>> {
  return request(gateway.sessions, {
    timeoutMs: listTimeoutMs,
    signal,
    parse: async (response) =>
      parseSessions(await response.json(), clockSkewMs(response.headers.get("date"), Date.now())),
  });
}

export function endSession(handle: string, signal?: AbortSignal): Promise<Outcome<null>> {
  return request(gateway.session(handle), {
    method: "DELETE",
    timeoutMs: endTimeoutMs,
    signal,
    parse: () => Promise.resolve(null),
  });
}

/** @returns the URL at which the provider's logout starts */
export function endAllSessions(): Promise<Outcome<URL>> {
  return request(gateway.sessions, {
    method: "DELETE",
    timeoutMs: endTimeoutMs,
    parse: async (response) => parseLogoutLocation(await response.json(), window.location.origin),
  });
}

/**
 * @param skewMs see `clockSkewMs`; added to every time
 * @throws SyntaxError if the body has no list: an empty list would claim that the user has no session
 */
export function parseSessions(body: unknown, skewMs = 0): readonly SessionSummary[] {
  const list = isRecord(body) ? body["sessions"] : null;
  if (!Array.isArray(list)) throw new SyntaxError("The sessions response has no list");
  return list.filter(isRecord).map((fields) => ({
    handle: nonEmptyText(fields["id"]) ?? "",
    isCurrent: fields["current"] === true,
    device: nonEmptyText(sanitizeJson(fields["device"])),
    createdAtMs: parseTimeMs(fields["createdAt"], skewMs),
    lastUsedAtMs: parseTimeMs(fields["lastUsedAt"], skewMs),
  }));
}

function nonEmptyText(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
