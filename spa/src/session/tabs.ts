// Tells the other tabs what happened to the session. A message says that, and nothing about whom.
import { type TabMessage, tabMessages } from "./session-news.ts";

const channelName = "session";

const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(channelName);

export function tellTabs(message: TabMessage): void {
  channel?.postMessage(message);
}

export function onTabMessage(run: (message: TabMessage) => void): void {
  channel?.addEventListener("message", (event: MessageEvent<unknown>) => {
    const message = tabMessages.find((known) => known === event.data);
    if (message !== undefined) run(message);
  });
}
