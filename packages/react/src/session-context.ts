// The React context with client and initial state. Its value never changes with the session, so it causes no re-render.
"use client";
import type { Client, SessionState } from "@cloakroom/client";
import { createContext, useContext } from "react";
import type { SessionView } from "./session-view.ts";

export interface Provided {
  readonly client: Client<unknown>;
  /** What a server renders, and the browser until its hydration is complete, whatever the client has loaded meanwhile. */
  readonly initial: { readonly state: SessionState<unknown>; readonly view: SessionView<unknown> };
}

export const SessionContext = createContext<Provided | null>(null);

/** @throws Error without a SessionProvider above the caller */
export function useProvided(): Provided {
  const provided = useContext(SessionContext);
  if (provided === null) throw new Error("No session client: render the component inside <SessionProvider>.");
  return provided;
}
