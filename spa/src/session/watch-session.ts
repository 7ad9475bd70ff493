// When the session is checked again: the tab becomes visible, the network returns, another tab or the gateway reports
// a change.
import { session } from "./session.ts";
import { startSessionEventStream } from "./session-event-stream.ts";
import { broadcast, onTabMessage } from "./tab-channel.ts";

/** Limits the checks of a user who switches between windows. */
const maxAgeWhenVisibleMs = 15_000;

/** Call once; the listeners are never removed. */
export function watchSession(): void {
  window.addEventListener("online", () => void session.check());
  window.addEventListener("offline", () => session.reportFailure({ kind: "offline" }));
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") void session.checkIfOlderThan(maxAgeWhenVisibleMs);
  });
  // The back-forward cache restores the page as it was rendered, even after a logout (ASVS 14.3.1).
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) void session.hideAndCheck();
  });
  onTabMessage((message) => {
    // Session events are handled in session-event-stream.ts.
    if (message === "logged-out" || message === "changed") void session.receive(message);
  });
  startSessionEventStream();
  // A login loads a new page, while the other tabs may still show the previous user or none.
  void session.ensureLoaded().then(() => broadcast("changed"));
}
