// Texts of the error page that several error codes share.

/** Texts of the HTML error page, shown when a navigation fails. */
export type PageText = { title: string; sentence: string };

export const NOT_LOGGED_IN: PageText = { title: "You are not logged in", sentence: "Please log in to continue." };
export const UNAVAILABLE: PageText = {
  title: "We cannot log you in right now",
  sentence: "A service that this needs does not respond. This does not log you out. Please try again in a moment.",
};
export const PAGE_UNAVAILABLE: PageText = {
  title: "This page is not available right now",
  sentence:
    "A service behind it does not respond as it should. This does not log you out. Please try again in a moment.",
};
export const INVALID: PageText = {
  title: "This did not work",
  sentence: "The address or the request behind it is not valid.",
};
