// Leaves for the provider's logout, after the gateway has acknowledged ours.
import { session } from "./session.ts";
import { tellTabs } from "./tabs.ts";
import { keepTyped } from "./typed-text.ts";

/** Cleared before leaving: the browser may keep this page as it is now and show it on "back". */
export function leave(location: string): void {
  keepTyped(null);
  session.forget();
  tellTabs("logged-out");
  window.location.assign(location);
}
