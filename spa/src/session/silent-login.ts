// Silent login: when a tab opens without a session, at most one login with prompt=none, if the gateway offers it
// (SILENT_LOGIN=on). It returns to the same page, with or without a session.
import { gateway, paths } from "../paths.ts";
import type { SilentLoginOffer } from "../server/user.ts";

export interface SilentLoginDependencies {
  readonly offer: () => SilentLoginOffer | null;
  /** Requests the session state again. */
  readonly check: () => Promise<void>;
  /** The tab's storage; throws where the browser blocks it. */
  readonly storage: () => Pick<Storage, "getItem" | "setItem">;
  readonly isPrerendering: () => boolean;
  readonly pathname: () => string;
  readonly returnPath: () => string;
  readonly navigate: (url: string) => void;
}

export const attemptKey = "cloakroom-silent-login";

/** The page stays usable until the browser leaves it. */
export async function startSilentLogin(dependencies: SilentLoginDependencies): Promise<void> {
  const { offer, check, pathname, isPrerendering } = dependencies;
  if (offer() === null || pathname() === paths.loggedOut || isPrerendering()) return;
  if (!isFirstAttempt(dependencies)) return;
  // The second response shows that the browser stores cookies.
  if (offer() === "pending") await check();
  if (offer() === "ready") dependencies.navigate(gateway.silentLogin(dependencies.returnPath()));
}

/** Once per tab: the storage of a tab is kept while it navigates. Without storage there is no attempt, hence no loop. */
function isFirstAttempt({ storage }: SilentLoginDependencies): boolean {
  try {
    if (storage().getItem(attemptKey) !== null) return false;
    storage().setItem(attemptKey, "1");
    return storage().getItem(attemptKey) === "1";
  } catch {
    return false;
  }
}
