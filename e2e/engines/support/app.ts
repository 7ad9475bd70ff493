// The demo app as the scenarios use it: page texts, element names and user actions.
import { expect } from "@playwright/test";
import { DEMO_USERS } from "@cloakroom/testing/provider/users.ts";
import type { Tab, Target } from "./browser.ts";

export const TEXT = {
  front: "Your app keeps a ticket; the gateway keeps the coat.",
  loggedOut: "You are logged out",
  /** On the provider's login page. */
  loginPage: "Demo OpenID Provider",
  /** On a page that needs a login. */
  loginLink: "Log in",
  loggedOutElsewhere: "You logged out in another tab",
  sessionEnded: "Your session was ended",
  /** On the gateway's error page. */
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

export type User = { username: string; password: string; name: string; sub: string };

export const ALICE = demoUser("alice");
export const ADMIN = demoUser("admin");

function demoUser(username: string): User {
  const { password, name, sub } = DEMO_USERS.find((each) => each.username === username) ?? {};
  if (password === undefined || name === undefined || sub === undefined) throw new Error(`No demo user ${username}.`);
  return { username, password, name, sub };
}

const INTERVALS = [20, 50, 100];

/** Repeats the check until it passes. Errors are repeated too: a tab throws while it navigates. */
export const eventually = (check: () => Promise<void>): Promise<void> =>
  expect(check).toPass({ intervals: INTERVALS, timeout: 20_000 });

export const expectText = (tab: Tab, text: string): Promise<void> =>
  eventually(async () => expect(await tab.text()).toContain(text));

export const expectUrl = (tab: Tab, url: string): Promise<void> =>
  eventually(async () => expect(await tab.url()).toBe(url));

/** Waits for the element and clicks it. */
export const click = (tab: Tab, target: Target): Promise<void> => eventually(() => tab.click(target));

/** The document, hidden elements included, contains no claim of the user. */
export async function expectNoUserData(tab: Tab, { name, sub, username }: User): Promise<void> {
  const html = await tab.evaluate(() => document.documentElement.outerHTML);
  for (const text of [name, sub, `${username}@example.com`]) expect(html).not.toContain(text);
}

/** On the provider's login page. */
export async function enterPassword(tab: Tab, { username, password }: User): Promise<void> {
  await expectText(tab, TEXT.loginPage);
  await eventually(() => tab.fill("Username", username));
  await eventually(() => tab.fill("Password", password));
  await click(tab, SUBMIT_LOGIN);
}

/** Follows the page's login link, enters the password at the provider and waits for the app. */
export async function logIn(tab: Tab, user: User): Promise<void> {
  await click(tab, LOG_IN);
  await enterPassword(tab, user);
  await expectText(tab, user.name);
}

export type ApiResponse = { status: number; body: { user?: { sub?: string; preferred_username?: string } | null } };

/** Sends a request as a script of the app. */
export const call = (tab: Tab, path: string, method = "GET"): Promise<ApiResponse> =>
  tab.evaluate(
    async (address, verb) => {
      const response = await fetch(address, { method: verb, headers: { Accept: "application/json", "X-CSRF": "1" } });
      return { status: response.status, body: (await response.json()) as ApiResponse["body"] };
    },
    path,
    method,
  );
