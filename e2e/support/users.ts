// Test users, and two ways to log one in: through the UI, and by HTTP requests where the login is not under test.
import { randomBytes } from "node:crypto";
import { expect, type APIResponse, type BrowserContext, type Page } from "@playwright/test";
import type { User, UserInput } from "@cloakroom/testing/provider/types.ts";
import { enterPassword, providerPages, type Credentials } from "./provider-pages.ts";
import type { TestSystem } from "./system.ts";

export type TestUser = User & { password: string };

/** Creates a user at the provider, with a random username and password. */
export async function createUser(system: TestSystem, input: Partial<UserInput> = {}): Promise<TestUser> {
  const username = `user-${randomBytes(4).toString("hex")}`;
  const password = randomBytes(12).toString("base64url");
  const user = await system.provider.addUser({ name: `Kim ${username}`, ...input, username, password });
  return { ...user, password };
}

/** Follows the page's login link, enters the password at the provider and waits for the app. */
export async function logInThroughUi(page: Page, user: TestUser): Promise<void> {
  await page
    .getByRole("link", { name: /^Log in/ })
    .first()
    .click();
  await enterPassword(page, user);
  await expect(page.getByRole("button", { name: "Log out", exact: true })).toBeVisible();
}

/** Logs in by the requests that a browser would send; the context receives the cookies. */
export async function logInByHttp(context: BrowserContext, system: TestSystem, user: Credentials): Promise<void> {
  const home = await context.request.get(await obtainCallbackUrl(context, system, user));
  expect(home.url()).toBe(`${system.origin}/`);
}

/** Logs in at the provider. @returns the callback URL with its authorization code, not yet requested */
export async function obtainCallbackUrl(
  context: BrowserContext,
  system: TestSystem,
  user: Credentials,
): Promise<string> {
  const { username, password } = user;
  const loginPage = await context.request.get(`${system.origin}/bff/login`);
  const [, escaped = ""] = providerPages.loginForm.exec(await loginPage.text()) ?? [];
  const action = escaped.replaceAll("&amp;", "&");
  expect(action, `login form at ${loginPage.url()}`).not.toBe("");
  let response = await context.request.post(new URL(action, loginPage.url()).href, {
    form: { username, password },
    maxRedirects: 0,
  });
  while (!locationOf(response).startsWith(`${system.origin}/bff/callback`))
    response = await context.request.get(locationOf(response), { maxRedirects: 0 });
  return locationOf(response);
}

function locationOf(response: APIResponse): string {
  const { location } = response.headers();
  if (location === undefined) throw new Error(`${response.url()}: status ${response.status()} without Location`);
  return new URL(location, response.url()).href;
}
