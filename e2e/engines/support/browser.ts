// The browser interface of the scenarios, with two drivers: puppeteer-browser.ts (Chromium by CDP, Firefox by WebDriver
// BiDi) and webkit-browser.ts (WebKitGTK by classic WebDriver).

/** An element by its ARIA role and accessible name, as the engine computes them. */
export type Target = { role: "link" | "button"; name: string };

export type Cookie = { name: string; value: string; domain: string; path: string; secure: boolean; httpOnly: boolean };

type Json = null | boolean | number | string | readonly Json[] | { readonly [member: string]: Json };

export type Tab = {
  /** Resolves when the document has loaded. */
  goTo: (url: string) => Promise<void>;
  reload: () => Promise<void>;
  /** The back button. */
  goBack: () => Promise<void>;
  url: () => Promise<string>;
  /** The text that is visible on the page. */
  text: () => Promise<string>;
  /** Brings the tab to the front and clicks by native pointer events. @throws Error if there is no such element */
  click: (target: Target) => Promise<void>;
  /** Brings the tab to the front and types into the field with this <label>. @throws Error if there is no such field */
  fill: (label: string, text: string) => Promise<void>;
  /** Runs a function in the page: it can use its arguments but no variable of the test. */
  evaluate: <A extends readonly Json[], R>(run: (...args: A) => R | Promise<R>, ...args: A) => Promise<R>;
};

/** A browser profile: its tabs share cookies and storage. */
export type Browser = {
  newTab: () => Promise<Tab>;
  /** The cookies that apply to the tab's document, HttpOnly included. */
  cookies: (tab: Tab) => Promise<Cookie[]>;
  close: () => Promise<void>;
};

export type Engine = {
  newBrowser: () => Promise<Browser>;
  stop: () => Promise<void>;
};

/** Runs in the page. */
export function fieldOfLabel(label: string): HTMLElement | null {
  const labels = [...document.querySelectorAll("label")];
  return labels.find((each) => each.textContent?.trim() === label)?.control ?? null;
}
