// The session store of this tab and its React hook.
import { useSyncExternalStore } from "react";
import { fetchUser } from "../server/user.ts";
import type { SessionState } from "./session-state.ts";
import { createSessionStore } from "./session-store.ts";

export const session = createSessionStore({
  fetchUser,
  nowMs: Date.now,
  random: Math.random,
  setTimer: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  reloadPage: () => window.location.reload(),
});

export function useSession(): SessionState {
  return useSyncExternalStore(session.subscribe, session.snapshot);
}
