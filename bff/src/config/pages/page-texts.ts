// Texts of the gateway's pages by language. Keys are equal in all languages; `{name}` and `{requestId}` are placeholders.
import { ERRORS, EXPLANATIONS, type ErrorCode, type Explanation } from "../../errors.ts";
import { GERMAN } from "./page-texts-de.ts";

/** Texts of an error: its title and what the user can do. */
type ErrorTextKey = `${ErrorCode | Explanation}.${"title" | "sentence"}`;

const NOTICES = {
  home: "Go to the start page",
  login: "Log in",
  tryAgain: "Try again",
  openAgain: "Open it again",
  continue: "Continue",
  help: "If you ask for help, mention {requestId}.",
  "continueLogin.title": "One moment",
  "continueLogin.sentence": "You are being taken to the login.",
  "continueLogout.title": "Logging out",
  "continueLogout.sentence": "Your session here has ended. The login service ends its own session next.",
  "refresh.title": "One moment",
  "refresh.sentence": "This page is being opened.",
  "confirmLogin.title": "Do you want to log in?",
  "confirmLogin.sentence":
    "Another site asks you to log in to this application. If you are logged in here, that session ends.",
  "confirmLogin.keep": "Do not log in",
  "confirmLogin.submit": "Log in",
  "replaceLogin.title": "You are already logged in",
  "replaceLogin.sentence":
    "You are logged in as {name}. Another site asks you to log in again. If you do, this session ends, and the login service decides which account is used.",
  "replaceLogin.keep": "Stay logged in",
  "replaceLogin.submit": "Log in again",
} as const;

export type PageTextKey = ErrorTextKey | keyof typeof NOTICES;
export type PageTexts = Readonly<Record<PageTextKey, string>>;
/** By language tag in lower case. */
export type Languages = Readonly<Record<string, PageTexts>>;

/** For browsers whose languages are not available. */
export const DEFAULT_LANGUAGE = "en";

const ENGLISH: PageTexts = {
  ...(Object.fromEntries([
    ...Object.entries(ERRORS).flatMap(([code, { page }]) => [
      [`${code}.title`, page.title],
      [`${code}.sentence`, page.sentence],
    ]),
    ...Object.entries(EXPLANATIONS).flatMap(([name, { title, detail }]) => [
      [`${name}.title`, title],
      [`${name}.sentence`, detail],
    ]),
  ]) as Record<ErrorTextKey, string>),
  ...NOTICES,
};

export const BUILT_IN_LANGUAGES: Languages = { en: ENGLISH, de: { ...ENGLISH, ...GERMAN } };

/** @returns the placeholders in braces, sorted */
export function placeholdersOf(text: string): string[] {
  return (text.match(/\{\w+\}/g) ?? []).toSorted();
}
