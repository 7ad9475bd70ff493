// Loads the data of the current page again when another session, or none, has come into force: after a login or logout
// in another tab, and when the gateway has ended the session.
import type { Client, SessionState } from "@cloakroom/client";
import type { DataRouter } from "react-router";

/** What `createBrowserRouter` returns has these members. */
type SessionRouter = Pick<DataRouter, "basename" | "navigate" | "revalidate"> & {
  readonly state: Pick<DataRouter["state"], "errors" | "location">;
};

/** @returns stops. Not needed for a login or logout in this tab: both load a new document */
export function revalidateOnSessionChange(client: Client<unknown>, router: SessionRouter): () => void {
  let loadedFor = keyOf(client.getState());
  /** Loaders have failed for lack of a session state. */
  let hasFailed = false;
  return client.subscribe(() => {
    const state = client.getState();
    if (state.status === "unknown") {
      hasFailed ||= state.error !== null;
      return;
    }
    // The page is about to be left.
    if (state.logout.kind === "pending") return;
    const key = keyOf(state);
    const isFirst = loadedFor === null;
    if (key === loadedFor) return;
    loadedFor = key;
    // Loaders of the first page have waited for this state.
    if (!isFirst || hasFailed) void reload(router);
    hasFailed = false;
  });
}

/** An ErrorBoundary stays after a revalidation that is faster than a render, so a page with an error is opened again. */
function reload({ state, basename = "/", navigate, revalidate }: SessionRouter): Promise<void> {
  if (state.errors === null) return revalidate();
  const { pathname, search, hash, state: locationState } = state.location;
  const base = basename.replace(/\/$/, "");
  const path = pathname === base ? "/" : pathname.slice(base.length);
  return navigate({ pathname: path, search, hash }, { replace: true, preventScrollReset: true, state: locationState });
}

function keyOf(state: SessionState<unknown>): string | null {
  if (state.status === "unknown") return null;
  return state.status === "authenticated" ? `session ${state.session.handle}` : "anonymous";
}
