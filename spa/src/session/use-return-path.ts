// The return path of the page that is open now.
import { useSyncExternalStore } from "react";
import { useLocation } from "react-router";
import { returnPathOf } from "./return-path.ts";
import { subscribeTyped, typedAt } from "./typed-text.ts";

/** @param extra what only the page that it leads to needs to know */
export function useReturnPath(extra?: Readonly<Record<string, string>>): string {
  const location = useLocation();
  const typed = useSyncExternalStore(subscribeTyped, () => typedAt(location.pathname));
  return returnPathOf(location, { ...typed, ...extra });
}
