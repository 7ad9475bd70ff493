// /bff/sessions: where the person is logged in, and ending that from here.
import { gateway } from "../paths.ts";
import { locationOf } from "./logout.ts";
import { plainValue } from "./plain-text.ts";
import { isRecord } from "./problem.ts";
import { type Outcome, request } from "./request.ts";
import { clockAheadMs } from "./user.ts";

const listDeadlineMs = 8_000;
// Longer than a look-up: the gateway also tells the provider.
const endDeadlineMs = 15_000;

export interface OwnSession {
  /** A public name, never a session id. */
  readonly handle: string;
  readonly isCurrent: boolean;
  readonly device: string | null;
  readonly createdAtMs: number | null;
  readonly lastUsedAtMs: number | null;
}

export function fetchOwnSessions(signal?: AbortSignal): Promise<Outcome<readonly OwnSession[]>> {
  return request(gateway.sessions, {
    deadlineMs: listDeadlineMs,
    signal,
    read: async (response) =>
      ownSessionsOf(await response.json(), clockAheadMs(response.headers.get("date"), Date.now())),
  });
}

export function endOwnSession(handle: string, signal?: AbortSignal): Promise<Outcome<null>> {
  return request(gateway.session(handle), {
    method: "DELETE",
    deadlineMs: endDeadlineMs,
    signal,
    read: () => Promise.resolve(null),
  });
}

/** @returns where the provider's own logout is */
export function endAllOwnSessions(): Promise<Outcome<URL>> {
  return request(gateway.sessions, {
    method: "DELETE",
    deadlineMs: endDeadlineMs,
    read: async (response) => locationOf(await response.json(), window.location.origin),
  });
}

/**
 * @param aheadMs added to every time, so that it can be compared with this machine's clock.
 * @throws SyntaxError where it is no list: an empty one would say that the person is logged in nowhere.
 */
export function ownSessionsOf(body: unknown, aheadMs = 0): readonly OwnSession[] {
  const list = isRecord(body) ? body["sessions"] : null;
  if (!Array.isArray(list)) throw new SyntaxError("The sessions answer has no list");
  return list.filter(isRecord).map((fields) => ({
    handle: textOf(fields["id"]) ?? "",
    isCurrent: fields["current"] === true,
    device: textOf(plainValue(fields["device"])),
    createdAtMs: timeOf(fields["createdAt"], aheadMs),
    lastUsedAtMs: timeOf(fields["lastUsedAt"], aheadMs),
  }));
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function timeOf(value: unknown, aheadMs: number): number | null {
  const atMs = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(atMs) ? null : atMs + aheadMs;
}
