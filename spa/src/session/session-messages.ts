// Messages about the session: events of the gateway and messages between tabs.
import type { EndReason } from "./session-state.ts";

export type SessionEvent = "expiring" | "extended" | `ended: ${EndReason}`;
export type TabMessage = "changed" | "logged-out" | SessionEvent;

/** The gateway's reasons; all others become `session_revoked`. */
const endReasons: Readonly<Record<string, EndReason>> = {
  logout: "logged_out_elsewhere",
  limit: "session_limit",
  provider_logout: "provider_logout",
  refresh_rejected: "session_expired",
  expired: "session_expired",
};

export function sessionEndedEvent(reason: string | null): SessionEvent {
  return `ended: ${endReasons[reason ?? ""] ?? "session_revoked"}`;
}

const sessionEvents: readonly SessionEvent[] = [
  "expiring",
  "extended",
  "ended: session_revoked",
  ...Object.values(endReasons).map((reason): SessionEvent => `ended: ${reason}`),
];

export const tabMessages: readonly TabMessage[] = ["changed", "logged-out", ...new Set(sessionEvents)];

/** @returns null unless the event is an end of the session */
export function endReasonOf(event: SessionEvent): EndReason | null {
  return event === "expiring" || event === "extended" ? null : (event.slice("ended: ".length) as EndReason);
}
