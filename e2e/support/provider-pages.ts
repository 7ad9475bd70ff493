// What a person does on the provider's pages: the embedded provider's, or Keycloak's where that is the one under test.
import { expect, type Page } from "@playwright/test";
import { WORLD_VARIABLE } from "../../e2e-keycloak/support/world.ts";
import { enrol } from "../../e2e-keycloak/support/pages.ts";

export type Credentials = { username: string; password: string };

type ProviderPages = {
  /** The form of the login page, for requests without a browser; its first group is where it is sent. */
  loginForm: RegExp;
  /** Asked again at a provider that knows who is there. */
  enterPasswordAgain: (page: Page, person: Credentials) => Promise<void>;
  expectWrongPassword: (page: Page, person: Credentials) => Promise<void>;
  /** A tab that waited on the login page while another one logged in. */
  enterPasswordInWaitingTab: (page: Page, person: Credentials) => Promise<void>;
  expectSecondStep: (page: Page) => Promise<void>;
  /** Up to a stronger login, whatever it takes a person who has never done it. */
  passSecondStep: (page: Page) => Promise<void>;
};

export const isOnKeycloak = process.env[WORLD_VARIABLE] !== undefined;

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
  expectSecondStep: (page) => expect(page.getByLabel("One-time code")).toBeVisible(),
  async passSecondStep(page) {
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
  // Keycloak's page notices the login by itself and goes on.
  enterPasswordInWaitingTab: async () => undefined,
  expectSecondStep: (page) => expect(page.getByRole("link", { name: /unable to scan/i })).toBeVisible(),
  passSecondStep: async (page) => void (await enrol(page)),
};

export const providerPages: ProviderPages = isOnKeycloak ? KEYCLOAK : EMBEDDED;
