// The return path of a login: the current page with its form draft in the query.
import { useSyncExternalStore } from "react";
import { type Path, useLocation } from "react-router";
import { paths } from "../paths.ts";
import { draftFor, subscribeDraft } from "./form-draft.ts";

/** With a longer `returnTo` a login returns to the start page. */
export const maxReturnPathLength = 2_000;

/**
 * @param fields added to the query, replacing parameters of the same name; left out if the path gets too long. In the
 * query, because web storage must not hold what a user typed.
 */
export function buildReturnPath(location: Path, fields: Readonly<Record<string, string>> = {}): string {
  if (location.pathname === paths.loggedOut) return paths.home;
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(fields)) query.set(name, value);
  const current = `${location.pathname}${location.search}${location.hash}`;
  const withFields = `${location.pathname}${query.size > 0 ? `?${query}` : ""}${location.hash}`;
  const candidates = [Object.keys(fields).length > 0 ? withFields : current, current, location.pathname];
  return candidates.find((path) => path.length <= maxReturnPathLength && isSameOriginPath(path)) ?? paths.home;
}

/** The return path of the current page with its draft. */
export function useReturnPath(extraFields?: Readonly<Record<string, string>>): string {
  const location = useLocation();
  const draft = useSyncExternalStore(subscribeDraft, () => draftFor(location.pathname));
  return buildReturnPath(location, { ...draft, ...extraFields });
}

/** Rejects `//host` and `/\host`, which browsers resolve to another origin (open redirect). */
function isSameOriginPath(path: string): boolean {
  return path.startsWith("/") && !/^\/[/\\]/.test(path) && !/[\\\p{Cc}\p{Z}\ufeff]/u.test(path);
}
