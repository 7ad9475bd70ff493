// Messages about the session: from the gateway's events and between tabs.
import type { EndReason } from "./session-state.ts";

export type SessionNews = "expiring" | "extended" | `ended: ${EndReason}`;
export type TabMessage = "changed" | "logged-out" | SessionNews;

/** The gateway's reasons; what it does not explain further is a session that was ended from elsewhere. */
const endReasons: Readonly<Record<string, EndReason>> = {
  logout: "logged_out_elsewhere",
  limit: "session_limit",
  provider_logout: "provider_logout",
  refresh_rejected: "session_expired",
  expired: "session_expired",
};

export function endedNews(reason: string | null): SessionNews {
  return `ended: ${endReasons[reason ?? ""] ?? "session_revoked"}`;
}

const allNews: readonly SessionNews[] = [
  "expiring",
  "extended",
  "ended: session_revoked",
  ...Object.values(endReasons).map((reason): SessionNews => `ended: ${reason}`),
];

export const tabMessages: readonly TabMessage[] = ["changed", "logged-out", ...new Set(allNews)];

/** @returns null for news that is not of an end */
export function endReasonOf(news: SessionNews): EndReason | null {
  return news === "expiring" || news === "extended" ? null : (news.slice("ended: ".length) as EndReason);
}
