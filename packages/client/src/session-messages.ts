// Messages about the session: events of the gateway and messages between tabs. They carry no user data.
import { textOrNull } from "./problem.ts";
import type { EndReason } from "./session-state.ts";

/** An end reason: the gateway has sent `session-ended`, or another tab has logged out. */
type EventMessage = "expiring" | "extended" | EndReason;
/** `changed`: a page has loaded, perhaps after a login. */
export type TabMessage = "changed" | EventMessage;

/** An event of the gateway, or a logout in another tab. Every tab of the browser receives it; an end perhaps twice. */
export type SessionEvent =
  | { readonly type: "expiring" }
  | { readonly type: "extended" }
  | { readonly type: "ended"; readonly reason: EndReason };

/** By the gateway's reason. */
const endReasons: Readonly<Record<string, EndReason>> = {
  logout: "logged_out_elsewhere",
  limit: "session_limit",
  provider_logout: "provider_logout",
  refresh_rejected: "session_expired",
  expired: "session_expired",
};

/** @param reason the gateway's, of an event or a 401 @param fallback for reasons that are no more precise */
export function endReasonOf(reason: unknown, fallback: EndReason): EndReason {
  // `constructor` is no reason.
  return (textOrNull(endReasons[String(reason)]) as EndReason | null) ?? fallback;
}

/** Some occur twice. */
export const tabMessages: readonly TabMessage[] = [
  "changed",
  "expiring",
  "extended",
  "session_revoked",
  ...Object.values(endReasons),
];

/** @returns null for a message that only asks for a check */
export function eventOf(message: TabMessage): SessionEvent | null {
  if (message === "changed") return null;
  return message === "expiring" || message === "extended" ? { type: message } : { type: "ended", reason: message };
}
