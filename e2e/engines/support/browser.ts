// What a scenario may do with a browser, whichever engine it is. Two drivers implement it: puppeteer-browser.ts
// (Chromium by CDP, Firefox by WebDriver BiDi) and webkit-browser.ts (WebKitGTK by classic WebDriver).

/** An element as assistive technology names it; the engine itself computes role and name. */
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
  /** Brings the tab to the front and clicks with the engine's own pointer events. @throws Error where no such element is on the page */
  click: (target: Target) => Promise<void>;
  /** Brings the tab to the front and types into the field that a <label> with this text names. @throws Error where there is none */
  fill: (label: string, text: string) => Promise<void>;
  /** Runs a function in the page. It sees nothing of the test but its arguments. */
  evaluate: <A extends readonly Json[], R>(run: (...args: A) => R | Promise<R>, ...args: A) => Promise<R>;
};

/** One profile: its tabs share cookies and storage, and nothing with another one. */
export type Browser = {
  newTab: () => Promise<Tab>;
  /** What the engine keeps for the document that this tab shows, HttpOnly cookies included. */
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
