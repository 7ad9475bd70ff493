// Logs out of this session or of all sessions. The user is logged out only once the gateway has acknowledged it.
import { useEffect, useState } from "react";
import { paths } from "../paths.ts";
import { postLogout } from "../server/logout.ts";
import { sessionEndCodeOf } from "../server/problem.ts";
import type { Failure, Outcome } from "../server/request.ts";
import { saveDraft } from "./form-draft.ts";
import { duringLogout } from "./session-event-stream.ts";
import { session } from "./session.ts";
import { broadcast } from "./tab-channel.ts";

export type LogoutState =
  | { readonly kind: "idle" }
  | { readonly kind: "pending" }
  | { readonly kind: "failed"; readonly failure: Failure };

export interface Logout {
  readonly state: LogoutState;
  readonly logout: () => Promise<void>;
  readonly dismiss: () => void;
}

/** @param send the logout request; resolves to the URL at which the provider's logout starts */
export function useLogout(send: () => Promise<Outcome<URL>> = postLogout): Logout {
  const [state, setState] = useState<LogoutState>({ kind: "idle" });
  // The back-forward cache restores the page with a pending logout.
  useEffect(() => {
    const reset = (event: PageTransitionEvent): void => {
      if (event.persisted) setState({ kind: "idle" });
    };
    window.addEventListener("pageshow", reset);
    return () => window.removeEventListener("pageshow", reset);
  }, []);
  async function logout(): Promise<void> {
    setState({ kind: "pending" });
    const outcome = await duringLogout(send());
    if (outcome.kind === "cancelled") return setState({ kind: "idle" });
    const hadEnded = outcome.kind === "problem" && sessionEndCodeOf(outcome.problem) !== null;
    if (outcome.kind !== "ok" && !hadEnded) {
      setState({ kind: "failed", failure: outcome });
      // The gateway may have ended the session although its response was lost.
      return session.check();
    }
    // Stays pending until the next page has loaded.
    leaveFor(outcome.kind === "ok" ? outcome.value.href : paths.loggedOut);
  }
  return { state, logout, dismiss: () => setState({ kind: "idle" }) };
}

/** Clears the page before it navigates: the back-forward cache may restore it as it is now. */
function leaveFor(url: string): void {
  saveDraft(null);
  session.markLoggedOut();
  broadcast("logged-out");
  window.location.assign(url);
}
