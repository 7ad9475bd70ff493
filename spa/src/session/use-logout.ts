// Logs out, and says so only after the gateway has acknowledged it.
import { useState } from "react";
import { postLogout } from "../server/logout.ts";
import { sessionEndCodeOf } from "../server/problem.ts";
import type { Failure } from "../server/request.ts";
import { paths } from "../paths.ts";
import { session } from "./session.ts";
import { tellTabs } from "./tabs.ts";
import { keepTyped } from "./typed-text.ts";

export type LogoutState =
  | { readonly kind: "idle" }
  | { readonly kind: "waiting" }
  | { readonly kind: "failed"; readonly failure: Failure };

export interface Logout {
  readonly state: LogoutState;
  readonly logout: () => Promise<void>;
  readonly dismiss: () => void;
}

export function useLogout(): Logout {
  const [state, setState] = useState<LogoutState>({ kind: "idle" });
  async function logout(): Promise<void> {
    setState({ kind: "waiting" });
    const outcome = await postLogout();
    if (outcome.kind === "cancelled") return setState({ kind: "idle" });
    const wasOverBefore = outcome.kind === "problem" && sessionEndCodeOf(outcome.problem) !== null;
    if (outcome.kind !== "ok" && !wasOverBefore) return setState({ kind: "failed", failure: outcome });
    setState({ kind: "idle" });
    leave(outcome.kind === "ok" ? outcome.value.href : paths.loggedOut);
  }
  return { state, logout, dismiss: () => setState({ kind: "idle" }) };
}

/** Cleared before leaving: the browser may keep this page as it is now and show it on "back". */
function leave(location: string): void {
  keepTyped(null);
  session.forget();
  tellTabs("logged-out");
  window.location.assign(location);
}
