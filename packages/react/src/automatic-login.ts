// A login that starts without a click, because a page requires one. At most one per tab until a user is logged in: more
// would be a loop where the browser stores no cookies, and would trap the back button at the provider's login page.
import type { Client, SessionState } from "@cloakroom/client";

const storageKey = "cloakroom-automatic-login";

/**
 * @returns false where only the user may start a login: the session of this page has ended (an unattended tab would log
 * in again, past its idle limit), or a logout is in progress, which a login would cancel before it reaches the provider
 */
export function mayStartByItself({ status, endReason, renderedSub, logout }: SessionState<unknown>): boolean {
  return status === "anonymous" && endReason === null && renderedSub === null && logout.kind !== "pending";
}

/** @returns whether this tab has not used its automatic login; false without storage */
export function claimAutomaticLogin(): boolean {
  try {
    if (sessionStorage.getItem(storageKey) !== null) return false;
    sessionStorage.setItem(storageKey, "1");
    return sessionStorage.getItem(storageKey) === "1";
  } catch {
    return false;
  }
}

/** To be called once a user is logged in. */
export function resetAutomaticLogin(): void {
  try {
    sessionStorage.removeItem(storageKey);
  } catch {
    // Storage is disabled: there was no automatic login.
  }
}

/** @returns whether a login has been started */
export function startAutomaticLogin(client: Client<unknown>): boolean {
  if (!mayStartByItself(client.getState()) || !claimAutomaticLogin()) return false;
  client.login();
  return true;
}
