// Repeats a call once after a step-up login. The return path and this tab's sessionStorage carry the same nonce. Without
// it, a crafted link could make the page send a request (CSRF), and a reload would send the request again.
import { useEffect, useEffectEvent } from "react";
import { useSearchParams } from "react-router";

export const repeatParam = "repeat";
const storageKey = "repeat-after-login";

export const createRepeatNonce = (): string => crypto.randomUUID();

/** Does nothing where storage is disabled: the user then sends the call again. */
export function scheduleRepeat(nonce: string): void {
  try {
    sessionStorage.setItem(storageKey, nonce);
  } catch {
    // Storage is disabled.
  }
}

/** Calls `send` at most once per scheduled nonce and removes the nonce from the URL. */
export function useRepeatAfterLogin(send: () => void): void {
  const [query, setQuery] = useSearchParams();
  const nonce = query.get(repeatParam);
  const repeat = useEffectEvent((scheduled: string) => {
    const rest = new URLSearchParams(query);
    rest.delete(repeatParam);
    setQuery(rest, { replace: true });
    if (consumeNonce(scheduled)) send();
  });
  useEffect(() => {
    if (nonce === null) return;
    // Deferred: StrictMode runs an effect twice, and the clean-up in between would cancel the request.
    const timer = setTimeout(() => repeat(nonce));
    return () => clearTimeout(timer);
  }, [nonce]);
}

/** @returns whether this tab has scheduled the nonce; true at most once */
function consumeNonce(nonce: string): boolean {
  try {
    const isScheduled = sessionStorage.getItem(storageKey) === nonce;
    if (isScheduled) sessionStorage.removeItem(storageKey);
    return isScheduled;
  } catch {
    return false;
  }
}
