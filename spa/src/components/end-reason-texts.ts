// Titles and explanations of the reasons why a session has ended.
import type { EndReason } from "@cloakroom/client";

export const endReasonTexts: Readonly<Record<EndReason, { readonly title: string; readonly meaning: string }>> = {
  session_expired: {
    title: "Your session has expired",
    meaning: "It was unused for a while, or it reached its maximum age.",
  },
  session_revoked: {
    title: "Your session was ended",
    meaning: "Another device, the login service or an administrator ended it.",
  },
  provider_logout: {
    title: "Your session was ended",
    meaning: "The login service ended it: you logged out there or in another app, or an administrator did it.",
  },
  session_limit: {
    title: "Your session was ended",
    meaning: "You logged in on more devices than are allowed at once, and this was the oldest session.",
  },
  session_missing: {
    title: "You are no longer logged in",
    meaning: "The gateway no longer knows this browser's session.",
  },
  logged_out_elsewhere: {
    title: "You logged out in another tab",
    meaning: "Logging out ends the session in every tab of this browser.",
  },
};
