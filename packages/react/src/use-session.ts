// Hooks that read the session. They re-render a component only when what they return has changed.
"use client";
import type { Client, DefaultClaims, EndReason } from "@cloakroom/client";
import { useMemo, useSyncExternalStore } from "react";
import { useProvided } from "./session-context.ts";
import { type SessionView, snapshotOf } from "./session-view.ts";

/**
 * The session of this browser. The returned object, its user and its functions keep their identity until they change.
 * `User` is not checked against what the gateway sends: `parseUser` of the client does that.
 */
export function useSession<User = DefaultClaims>(): SessionView<User> {
  const { client, initial } = useProvided();
  return useSyncExternalStore(client.subscribe, snapshotOf(client), () => initial.view) as SessionView<User>;
}

/** The client of the provider: for requests, step-up, drafts and the user's other sessions. */
export function useSessionClient<User = DefaultClaims>(): Client<User> {
  return useProvided().client as Client<User>;
}

export interface EndReasonHandle {
  /** Null while there is a session, where there was none before, and after `dismiss()`. */
  readonly endReason: EndReason | null;
  readonly dismiss: () => void;
}

/** Why the session has ended, for a notice on every page. */
export function useEndReason(): EndReasonHandle {
  const { client, initial } = useProvided();
  const endReason = useSyncExternalStore(
    client.subscribe,
    () => client.getState().endReason,
    () => initial.state.endReason,
  );
  return useMemo(() => ({ endReason, dismiss: client.dismissEndReason }), [endReason, client]);
}

/** Whether a check of the session is in flight: true for a moment now and then, therefore not part of `useSession`. */
export function useIsChecking(): boolean {
  const { client, initial } = useProvided();
  return useSyncExternalStore(
    client.subscribe,
    () => client.getState().isChecking,
    () => initial.state.isChecking,
  );
}
