// The return path of a login: the current page with its form draft in the query. In the query, because the draft is
// then still there after a reload.
import { buildReturnPath } from "@cloakroom/client";
import { useSyncExternalStore } from "react";
import { useLocation } from "react-router";
import { paths } from "../paths.ts";
import { draftFor, subscribeDraft } from "./form-draft.ts";

/** The return path of the current page with its draft. */
export function useReturnPath(): string {
  const location = useLocation();
  const draft = useSyncExternalStore(subscribeDraft, () => draftFor(location.pathname));
  return location.pathname === paths.loggedOut ? paths.home : buildReturnPath(location, draft);
}
