// Logs out, here or everywhere, and says so only after the gateway has acknowledged it.
import { useEffect, useState } from "react";
import { postLogout } from "../server/logout.ts";
import { sessionEndCodeOf } from "../server/problem.ts";
import type { Failure, Outcome } from "../server/request.ts";
import { paths } from "../paths.ts";
import { leave } from "./leave.ts";
import { whileLoggingOut } from "./live-session.ts";
import { session } from "./session.ts";

export type LogoutState =
  | { readonly kind: "idle" }
  | { readonly kind: "waiting" }
  | { readonly kind: "failed"; readonly failure: Failure };

export interface Logout {
  readonly state: LogoutState;
  readonly logout: () => Promise<void>;
  readonly dismiss: () => void;
}

/** @param post asks the gateway, which answers with where the provider's own logout is */
export function useLogout(post: () => Promise<Outcome<URL>> = postLogout): Logout {
  const [state, setState] = useState<LogoutState>({ kind: "idle" });
  // The browser may keep this page as it was left and show it on "back".
  useEffect(() => {
    const reset = (event: PageTransitionEvent): void => {
      if (event.persisted) setState({ kind: "idle" });
    };
    window.addEventListener("pageshow", reset);
    return () => window.removeEventListener("pageshow", reset);
  }, []);
  async function logout(): Promise<void> {
    setState({ kind: "waiting" });
    const outcome = await whileLoggingOut(post());
    if (outcome.kind === "cancelled") return setState({ kind: "idle" });
    const wasOverBefore = outcome.kind === "problem" && sessionEndCodeOf(outcome.problem) !== null;
    if (outcome.kind !== "ok" && !wasOverBefore) {
      setState({ kind: "failed", failure: outcome });
      // The gateway may have ended the session although its response did not arrive.
      return session.check();
    }
    // The state stays: the button says what is going on until the next page is there.
    leave(outcome.kind === "ok" ? outcome.value.href : paths.loggedOut);
  }
  return { state, logout, dismiss: () => setState({ kind: "idle" }) };
}
