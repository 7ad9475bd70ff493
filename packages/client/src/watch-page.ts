// When the session is checked again: the tab becomes visible, the network returns, or the back-forward cache restores
// the page.
import type { PageWindow } from "./page-window.ts";
import type { SessionStore } from "./session-store.ts";

/** Limits the checks of a user who switches between windows. */
export const maxAgeWhenVisibleMs = 15_000;

type WatchedStore = Pick<SessionStore<unknown>, "check" | "recheck" | "restore" | "fail" | "setLogout">;

/** @param signal ends it */
export function watchPage(page: PageWindow, store: WatchedStore, signal: AbortSignal): void {
  const listeners: Readonly<Record<string, (event: Event) => unknown>> = {
    online: store.check,
    offline: () => store.fail({ kind: "offline" }),
    // It bubbles from the document.
    visibilitychange: () => page.document.visibilityState === "visible" && store.recheck(maxAgeWhenVisibleMs),
    // The back-forward cache restores the page as it was rendered, even after a logout (ASVS 14.3.1), and with a logout
    // that seems to be pending.
    pageshow: (event) => {
      if (!(event as PageTransitionEvent).persisted) return;
      store.setLogout({ kind: "idle" });
      void store.restore();
    },
  };
  for (const [type, listener] of Object.entries(listeners)) page.addEventListener(type, listener, { signal });
}
