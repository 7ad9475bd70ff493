// GET /bff/sessions: the user's own sessions.
import { isRecord, textOrNull } from "./problem.ts";
import { parseTimeMs } from "./user.ts";

/** One session of the user. Times are milliseconds since the epoch by this machine's clock. */
export interface SessionSummary {
  /** The public handle, never the session id. */
  readonly handle: string;
  readonly isCurrent: boolean;
  readonly device: string | null;
  readonly createdAtMs: number | null;
  readonly lastUsedAtMs: number | null;
}

/**
 * @param skewMs see `clockSkewMs`; added to every time
 * @throws SyntaxError if the body has no list: an empty list would claim that the user has no session
 */
export function parseSessions(body: unknown, skewMs = 0): readonly SessionSummary[] {
  const list = isRecord(body) ? body["sessions"] : null;
  if (!Array.isArray(list)) throw new SyntaxError("sessions: no list");
  return list.filter(isRecord).map((fields) => ({
    handle: textOrNull(fields["id"]) ?? "",
    isCurrent: fields["current"] === true,
    device: textOrNull(fields["device"]),
    createdAtMs: parseTimeMs(fields["createdAt"], skewMs),
    lastUsedAtMs: parseTimeMs(fields["lastUsedAt"], skewMs),
  }));
}
