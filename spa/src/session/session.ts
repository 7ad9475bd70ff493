// The one session store of this tab, and how components read it.
import { useSyncExternalStore } from "react";
import { fetchUser } from "../server/user.ts";
import type { SessionState } from "./session-state.ts";
import { createSessionStore } from "./session-store.ts";

export const session = createSessionStore({
  askUser: fetchUser,
  nowMs: Date.now,
  random: Math.random,
  after: (waitMs, run) => {
    const timer = setTimeout(run, waitMs);
    return () => clearTimeout(timer);
  },
  startOver: () => window.location.reload(),
});

export function useSession(): SessionState {
  return useSyncExternalStore(session.subscribe, session.snapshot);
}
