// The demo's pages: every text and name that the scenarios rely on, and what a user does with them.
import { expect } from "@playwright/test";
import { DEMO_USERS } from "../../../demo/src/provider/users.ts";
import type { Tab, Target } from "./browser.ts";

export const TEXT = {
  front: "Your app keeps a ticket; the gateway keeps the coat.",
  loggedOut: "You are logged out",
  /** Of the provider's login page. */
  loginPage: "Demo OpenID Provider",
  /** On a page that needs a login. */
  loginOffer: "Log in",
  loggedOutElsewhere: "You logged out in another tab",
  sessionEnded: "Your session was ended",
  /** Of the gateway's error page. */
  tryAgain: "Try again",
  openAgain: "Please open this page again",
  connected: "Connected.",
  saySomething: "Say something",
} as const;

export const LOG_IN: Target = { role: "link", name: "Log in" };
export const LOG_OUT: Target = { role: "button", name: "Log out" };
export const START_LISTENING: Target = { role: "button", name: "Start listening" };
export const CONNECT: Target = { role: "button", name: "Connect" };
export const SAY_IT: Target = { role: "button", name: "Say it" };
/** On every error page of the gateway. */
export const GO_HOME: Target = { role: "link", name: "Go to the start page" };
const SUBMIT_LOGIN: Target = { role: "button", name: "Log in" };

export type Person = { username: string; password: string; name: string; sub: string };

export const ALICE = person("alice");
export const ADMIN = person("admin");

function person(username: string): Person {
  const { password, name, sub } = DEMO_USERS.find((each) => each.username === username) ?? {};
  if (password === undefined || name === undefined || sub === undefined) throw new Error(`No demo user ${username}.`);
  return { username, password, name, sub };
}

const INTERVALS = [20, 50, 100];

/** Waits until the check passes; a tab that is between two documents answers with an error, which is tried again. */
export const eventually = (check: () => Promise<void>): Promise<void> =>
  expect(check).toPass({ intervals: INTERVALS, timeout: 20_000 });

export const expectText = (tab: Tab, text: string): Promise<void> =>
  eventually(async () => expect(await tab.text()).toContain(text));

export const expectUrl = (tab: Tab, url: string): Promise<void> =>
  eventually(async () => expect(await tab.url()).toBe(url));

/** Clicks once the page offers it. */
export const click = (tab: Tab, target: Target): Promise<void> => eventually(() => tab.click(target));

/** Nothing that the page shows, hidden parts included, names the person. */
export async function expectNothingOf(tab: Tab, { name, sub, username }: Person): Promise<void> {
  const html = await tab.evaluate(() => document.documentElement.outerHTML);
  for (const text of [name, sub, `${username}@example.com`]) expect(html).not.toContain(text);
}

/** On the provider's login page. */
export async function enterPassword(tab: Tab, { username, password }: Person): Promise<void> {
  await expectText(tab, TEXT.loginPage);
  await eventually(() => tab.fill("Username", username));
  await eventually(() => tab.fill("Password", password));
  await click(tab, SUBMIT_LOGIN);
}

/** From the page of the app that the tab shows, through the provider, back to it. */
export async function logIn(tab: Tab, who: Person): Promise<void> {
  await click(tab, LOG_IN);
  await enterPassword(tab, who);
  await expectText(tab, who.name);
}

export type ApiAnswer = { status: number; body: { user?: { sub?: string; preferred_username?: string } | null } };

/** As a script of the app calls it. */
export const call = (tab: Tab, path: string, method = "GET"): Promise<ApiAnswer> =>
  tab.evaluate(
    async (address, verb) => {
      const response = await fetch(address, { method: verb, headers: { Accept: "application/json", "X-CSRF": "1" } });
      return { status: response.status, body: (await response.json()) as ApiAnswer["body"] };
    },
    path,
    method,
  );
