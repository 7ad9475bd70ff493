// Keeps the data of a page whose session has ended, so that the page stays with what was typed into it.
import type { Client } from "@cloakroom/client";
import type { ShouldRevalidateFunctionArgs } from "react-router";

/** `shouldRevalidate` of a route whose page uses `<RequireSession keepWhenEnded>`. */
export function keepWhenEnded(client: Client<unknown>): (args: ShouldRevalidateFunctionArgs) => boolean {
  return ({ currentUrl, nextUrl, defaultShouldRevalidate }) => {
    const { status, endReason } = client.getState();
    const hasEnded = status === "anonymous" && endReason !== null;
    return hasEnded && currentUrl.href === nextUrl.href ? false : defaultShouldRevalidate;
  };
}
