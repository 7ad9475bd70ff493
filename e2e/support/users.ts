// Test users, and two ways to log one in: through the UI, and by HTTP requests where the login is not under test.
import { expect, type BrowserContext, type Page } from "@playwright/test";
import { logIn, obtainCallbackUrl as callbackUrl } from "@cloakroom/testing/playwright/log-in.ts";
import type { UserInput } from "@cloakroom/testing/provider/types.ts";
import { createTestUser, type TestUser } from "@cloakroom/testing/test-user.ts";
import { enterPassword, providerPages, type Credentials } from "./provider-pages.ts";
import type { TestSystem } from "./system.ts";

export type { TestUser };

/** Creates a user at the provider, with a random username and password. */
export const createUser = (system: TestSystem, input: Partial<UserInput> = {}): Promise<TestUser> =>
  createTestUser(system.provider, input);

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
export function logInByHttp(context: BrowserContext, { origin }: TestSystem, user: Credentials): Promise<void> {
  return logIn({ context, origin, user, loginForm: providerPages.loginForm });
}

/** Logs in at the provider. @returns the callback URL with its authorization code, not yet requested */
export function obtainCallbackUrl(context: BrowserContext, { origin }: TestSystem, user: Credentials): Promise<string> {
  return callbackUrl({ context, origin, user, loginForm: providerPages.loginForm });
}
