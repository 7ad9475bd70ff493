// When to ask again: the page comes back, the network comes back, another tab logged in or out, the gateway says so.
import { watchLiveSession } from "./live-session.ts";
import { session } from "./session.ts";
import { onTabMessage, tellTabs } from "./tabs.ts";

/** Switching between two windows must not ask every time. */
const visibleAgeMs = 15_000;

/** Called once; the listeners live as long as the tab. */
export function watchSession(): void {
  window.addEventListener("online", () => void session.check());
  window.addEventListener("offline", () => session.fail({ kind: "offline" }));
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") void session.checkIfOlderThan(visibleAgeMs);
  });
  // The back button restores the page as it was drawn: also after a logout (ASVS 14.3.1).
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) void session.conceal();
  });
  onTabMessage((message) => {
    // The others also concern the stream of events: see live-session.ts.
    if (message === "logged-out" || message === "changed") void session.receive(message);
  });
  watchLiveSession();
  // A login ends in a fresh page: the other tabs may still show nobody, or somebody else.
  void session.known().then(() => tellTabs("changed"));
}
