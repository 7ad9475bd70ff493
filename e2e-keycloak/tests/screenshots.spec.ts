// Screenshots of Keycloak's themed pages for visual review: E2E_SCREENSHOTS=folder npm run e2e:keycloak -- -g @screenshots
import { resolve } from "node:path";
import type { Page } from "@playwright/test";
import { enrolOneTimeCode, fillLoginForm } from "@cloakroom/testkit/keycloak/pages.ts";
import { expect, test } from "../support/test.ts";

/** Relative to the folder in which npm was started. */
const FOLDER = resolve(process.env["INIT_CWD"] ?? "", process.env["E2E_SCREENSHOTS"] ?? "screenshots");
const SIZES = [
  { width: 390, height: 844 },
  { width: 1440, height: 900 },
];

for (const viewport of SIZES)
  for (const colorScheme of ["light", "dark"] as const)
    test(`Keycloak's pages render in the theme, ${viewport.width} px wide, ${colorScheme} @screenshots`, async ({
      browser,
      system,
      newUser,
    }) => {
      const { origin } = system.gateway;
      const [user, newcomer] = [await newUser(), await newUser({ requiredActions: ["UPDATE_PASSWORD"] })];
      const newPage = async (): Promise<Page> =>
        (await browser.newContext({ viewport, colorScheme, reducedMotion: "reduce" })).newPage();
      const page = await newPage();
      const takeScreenshot = (name: string, of: Page = page) =>
        of.screenshot({ path: resolve(FOLDER, `${name}-${viewport.width}-${colorScheme}.png`), fullPage: true });

      await page.goto(`${origin}/bff/login?acr_values=2`);
      await takeScreenshot("login");
      await fillLoginForm(page, { ...user, password: "wrong" });
      await expect(page.getByText(/invalid username or password/i)).toBeVisible();
      await takeScreenshot("wrong-password");
      await fillLoginForm(page, user);
      await expect(page.locator("#kc-totp-secret-qr-code")).toBeVisible();
      await takeScreenshot("enrolOneTimeCode");
      await page.getByRole("link", { name: /unable to scan/i }).click();
      await expect(page.locator("#kc-totp-secret-key")).toBeVisible();
      await takeScreenshot("enrolOneTimeCode-by-hand");
      await page.goBack();
      await enrolOneTimeCode(page);
      await page.waitForURL(`${origin}/**`);

      const passwordPage = await newPage();
      await passwordPage.goto(`${origin}/bff/login`);
      await fillLoginForm(passwordPage, newcomer);
      await passwordPage.getByLabel("New Password", { exact: true }).fill("short");
      await passwordPage.getByLabel("Confirm password").fill("short");
      await passwordPage.getByRole("button", { name: "Submit" }).click();
      await expect(passwordPage.getByText(/minimum length 12/i)).toBeVisible();
      await takeScreenshot("update-password", passwordPage);

      const codePage = await newPage();
      await codePage.goto(`${origin}/bff/login?acr_values=2`);
      await fillLoginForm(codePage, user);
      await codePage.locator("#otp").fill("000000");
      await codePage.getByRole("button", { name: "Log in", exact: true }).click();
      await expect(codePage.getByText(/invalid authenticator code/i)).toBeVisible();
      await takeScreenshot("one-time-code", codePage);
      await codePage.goto(`${system.keycloak.issuer}/protocol/openid-connect/auth?client_id=unknown`);
      await takeScreenshot("error", codePage);
      await page.goto(`${origin}/bff/login?prompt=login`);
      await expect(page.getByLabel("Password", { exact: true })).toBeVisible();
      await takeScreenshot("login-again");

      await page.goto(`${system.keycloak.issuer}/account/?referrer=cloakroom`);
      await expect(page.getByLabel(/last name/i)).toBeVisible();
      await takeScreenshot("account");
      await page.goto(`${system.keycloak.issuer}/account/account-security/signing-in`);
      await expect(page.getByRole("heading", { name: /two-factor/i })).toBeVisible();
      await takeScreenshot("account-security");
      await page.goto(`${system.keycloak.issuer}/account/account-security/device-activity`);
      await expect(page.getByRole("heading", { name: /signed in devices|device/i }).first()).toBeVisible();
      await takeScreenshot("account-devices");
      for (const each of [page, passwordPage, codePage]) await each.context().close();
    });
