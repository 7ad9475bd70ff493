// The return path of the page that is open now.
import { useSyncExternalStore } from "react";
import { useLocation } from "react-router";
import { returnPathOf } from "./return-path.ts";
import { subscribeTyped, typedAt } from "./typed-text.ts";

export function useReturnPath(): string {
  const location = useLocation();
  const typed = useSyncExternalStore(subscribeTyped, () => typedAt(location.pathname));
  return returnPathOf(location, typed);
}
