// Who uses the browser, and how they log in: by hand, as a person does, or quietly, where the login is not the subject.
import { randomBytes } from "node:crypto";
import { expect, type APIResponse, type BrowserContext, type Page } from "@playwright/test";
import type { User, UserInput } from "../../demo/src/provider/types.ts";
import { enterPassword, providerPages, type Credentials } from "./provider-pages.ts";
import type { TestSystem } from "./system.ts";

export type Person = User & { password: string };

/** A user of the test's own: nobody else can change what it sees. */
export async function newPerson(system: TestSystem, wishes: Partial<UserInput> = {}): Promise<Person> {
  const username = `user-${randomBytes(4).toString("hex")}`;
  const password = randomBytes(12).toString("base64url");
  const user = await system.provider.addUser({ name: `Kim ${username}`, ...wishes, username, password });
  return { ...user, password };
}

/** From a page of the app that offers a login, through the provider, back to the app. */
export async function logInByHand(page: Page, person: Person): Promise<void> {
  await page
    .getByRole("link", { name: /^Log in/ })
    .first()
    .click();
  await enterPassword(page, person);
  await expect(page.getByRole("button", { name: "Log out", exact: true })).toBeVisible();
}

/** The same requests without drawing a page: the cookies land in the browser. */
export async function logInQuietly(context: BrowserContext, system: TestSystem, person: Credentials): Promise<void> {
  const back = await context.request.get(await loginUpToCallback(context, system, person));
  expect(back.url()).toBe(`${system.origin}/`);
}

/** @returns the address that the provider sends the browser back to, with its code, not yet opened */
export async function loginUpToCallback(
  context: BrowserContext,
  system: TestSystem,
  person: Credentials,
): Promise<string> {
  const { username, password } = person;
  const loginPage = await context.request.get(`${system.origin}/bff/login`);
  const [, escaped = ""] = providerPages.loginForm.exec(await loginPage.text()) ?? [];
  const action = escaped.replaceAll("&amp;", "&");
  expect(action, `the provider's login page, not ${loginPage.url()}`).not.toBe("");
  let answer = await context.request.post(new URL(action, loginPage.url()).href, {
    form: { username, password },
    maxRedirects: 0,
  });
  while (!locationOf(answer).startsWith(`${system.origin}/bff/callback`))
    answer = await context.request.get(locationOf(answer), { maxRedirects: 0 });
  return locationOf(answer);
}

function locationOf(answer: APIResponse): string {
  const { location } = answer.headers();
  if (location === undefined) throw new Error(`${answer.url()} answered ${answer.status()} and leads nowhere`);
  return new URL(location, answer.url()).href;
}
