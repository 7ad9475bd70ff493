// Broadcasts session messages to the other tabs of this browser. Messages carry no user data.
import { type TabMessage, tabMessages } from "./session-messages.ts";

const channelName = "session";

const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(channelName);

export function broadcast(message: TabMessage): void {
  channel?.postMessage(message);
}

/** Ignores messages that this version does not know. */
export function onTabMessage(handle: (message: TabMessage) => void): void {
  channel?.addEventListener("message", (event: MessageEvent<unknown>) => {
    const message = tabMessages.find((known) => known === event.data);
    if (message !== undefined) handle(message);
  });
}
