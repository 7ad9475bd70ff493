// Tells the other tabs that the session changed. A message says that, and nothing about whom.

const channelName = "session";
const messages = ["changed", "logged-out"] as const;
export type TabMessage = (typeof messages)[number];

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
