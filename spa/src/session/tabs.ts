// Tells the other tabs what happened to the session. A message says that, and nothing about whom.
import { type SessionNews, allNews } from "./session-news.ts";

const channelName = "session";
export type TabMessage = "changed" | "logged-out" | SessionNews;
const messages: readonly TabMessage[] = ["changed", "logged-out", ...allNews];

const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(channelName);

export function tellTabs(message: TabMessage): void {
  channel?.postMessage(message);
}

export function onTabMessage(run: (message: TabMessage) => void): void {
  channel?.addEventListener("message", (event: MessageEvent<unknown>) => {
    const message = messages.find((known) => known === event.data);
    if (message !== undefined) run(message);
  });
}
