// Silent login: when a tab opens without a session, at most one login with prompt=none, if the gateway offers it
// (SILENT_LOGIN=on). It returns to the same page, with or without a session.
import { attempt } from "./attempt.ts";
import type { PageWindow } from "./page-window.ts";
import type { SessionStore } from "./session-store.ts";

export const attemptKey = "cloakroom-silent-login";

/** The page stays usable until the browser leaves it. @param login navigates */
export async function startSilentLogin(
  page: Pick<PageWindow, "document" | "sessionStorage">,
  store: Pick<SessionStore<unknown>, "check" | "getState">,
  login: () => void,
): Promise<void> {
  const offer = () => {
    const state = store.getState();
    return state.status === "anonymous" ? state.silentLogin : null;
  };
  if (offer() === null || page.document.prerendering === true || !isFirstAttempt(page)) return;
  // The second response shows that the browser stores cookies.
  if (offer() === "pending") await store.check();
  if (offer() === "ready") login();
}

/** Once per tab: the storage of a tab is kept while it navigates. Without storage there is no attempt, hence no loop. */
function isFirstAttempt(page: Pick<PageWindow, "sessionStorage">): boolean {
  const isFirst = attempt(() => {
    const { sessionStorage } = page;
    if (sessionStorage.getItem(attemptKey) !== null) return false;
    sessionStorage.setItem(attemptKey, "1");
    return sessionStorage.getItem(attemptKey) !== null;
  });
  return isFirst === true;
}
