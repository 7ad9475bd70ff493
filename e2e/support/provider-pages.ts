// The provider's pages as a user operates them: the embedded provider's, or Keycloak's.
import { expect, type Page } from "@playwright/test";
import { SHARED_SYSTEM_VARIABLE } from "@cloakroom/testkit/keycloak/shared-system.ts";
import { enrolOneTimeCode } from "@cloakroom/testkit/keycloak/pages.ts";

export type Credentials = { username: string; password: string };

type ProviderPages = {
  /** Matches the login form in HTML; group 1 is its action. */
  loginForm: RegExp;
  /** On the login page of a user with a session at the provider. */
  enterPasswordAgain: (page: Page, user: Credentials) => Promise<void>;
  expectWrongPassword: (page: Page, user: Credentials) => Promise<void>;
  /** On a login page that was open while the user logged in in another tab. */
  enterPasswordInWaitingTab: (page: Page, user: Credentials) => Promise<void>;
  expectSecondFactor: (page: Page) => Promise<void>;
  /** Passes the second factor; enrols the user first where the provider requires it. */
  passSecondFactor: (page: Page) => Promise<void>;
};

export const isOnKeycloak = process.env[SHARED_SYSTEM_VARIABLE] !== undefined;

export const usernameField = (page: Page) => page.getByLabel(/Username/);
export const passwordField = (page: Page) => page.getByLabel("Password", { exact: true });

export async function enterPassword(page: Page, { username, password }: Credentials): Promise<void> {
  await usernameField(page).fill(username);
  await enterPasswordOnly(page, password);
}

async function enterPasswordOnly(page: Page, password: string): Promise<void> {
  await passwordField(page).fill(password);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
}

const EMBEDDED: ProviderPages = {
  loginForm: /action="([^"]+\/login)"/,
  enterPasswordAgain: enterPassword,
  async expectWrongPassword(page, { username }) {
    await expect(page.getByRole("alert")).toHaveText("Username or password is wrong. Please try again.");
    await expect(usernameField(page)).toHaveValue(username);
  },
  enterPasswordInWaitingTab: enterPassword,
  expectSecondFactor: (page) => expect(page.getByLabel("One-time code")).toBeVisible(),
  async passSecondFactor(page) {
    await page.getByLabel("One-time code").fill("123456");
    await page.getByRole("button", { name: "Confirm" }).click();
  },
};

const KEYCLOAK: ProviderPages = {
  loginForm: /<form[^>]+id="kc-form-login"[^>]+action="([^"]+)"/,
  enterPasswordAgain: (page, { password }) => enterPasswordOnly(page, password),
  async expectWrongPassword(page, { username }) {
    await expect(page.getByText("Invalid username or password.")).toBeVisible();
    await expect(usernameField(page)).toHaveValue(username);
  },
  // A script of Keycloak's login page detects the session and completes the login without input.
  enterPasswordInWaitingTab: async () => undefined,
  expectSecondFactor: (page) => expect(page.getByRole("link", { name: /unable to scan/i })).toBeVisible(),
  passSecondFactor: async (page) => void (await enrolOneTimeCode(page)),
};

export const providerPages: ProviderPages = isOnKeycloak ? KEYCLOAK : EMBEDDED;
