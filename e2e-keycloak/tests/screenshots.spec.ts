// Pictures of Keycloak's pages in the product's look, for people: E2E_SCREENSHOTS=folder npm run e2e:keycloak -- -g @screenshots
import { resolve } from "node:path";
import type { Page } from "@playwright/test";
import { enrol, fillLoginForm } from "../support/pages.ts";
import { expect, test } from "../support/test.ts";

/** As the person meant it who ran npm, not from here. */
const FOLDER = resolve(process.env["INIT_CWD"] ?? "", process.env["E2E_SCREENSHOTS"] ?? "screenshots");
const SIZES = [
  { width: 390, height: 844 },
  { width: 1440, height: 900 },
];

for (const viewport of SIZES)
  for (const colorScheme of ["light", "dark"] as const)
    test(`Keycloak's pages, ${viewport.width} px wide, ${colorScheme} @screenshots`, async ({
      browser,
      world,
      newUser,
    }) => {
      const { origin } = world.gateway;
      const [user, newcomer] = [await newUser(), await newUser({ requiredActions: ["UPDATE_PASSWORD"] })];
      const inBrowser = async (): Promise<Page> =>
        (await browser.newContext({ viewport, colorScheme, reducedMotion: "reduce" })).newPage();
      const page = await inBrowser();
      const shoot = (name: string, of: Page = page) =>
        of.screenshot({ path: resolve(FOLDER, `${name}-${viewport.width}-${colorScheme}.png`), fullPage: true });

      await page.goto(`${origin}/bff/login?acr_values=2`);
      await shoot("login");
      await fillLoginForm(page, { ...user, password: "wrong" });
      await expect(page.getByText(/invalid username or password/i)).toBeVisible();
      await shoot("wrong-password");
      await fillLoginForm(page, user);
      await expect(page.locator("#kc-totp-secret-qr-code")).toBeVisible();
      await shoot("enrol");
      await page.getByRole("link", { name: /unable to scan/i }).click();
      await expect(page.locator("#kc-totp-secret-key")).toBeVisible();
      await shoot("enrol-by-hand");
      await page.goBack();
      await enrol(page);
      await page.waitForURL(`${origin}/**`);

      const first = await inBrowser();
      await first.goto(`${origin}/bff/login`);
      await fillLoginForm(first, newcomer);
      await first.getByLabel("New Password", { exact: true }).fill("short");
      await first.getByLabel("Confirm password").fill("short");
      await first.getByRole("button", { name: "Submit" }).click();
      await expect(first.getByText(/minimum length 12/i)).toBeVisible();
      await shoot("update-password", first);

      const later = await inBrowser();
      await later.goto(`${origin}/bff/login?acr_values=2`);
      await fillLoginForm(later, user);
      await later.locator("#otp").fill("000000");
      await later.getByRole("button", { name: "Log in", exact: true }).click();
      await expect(later.getByText(/invalid authenticator code/i)).toBeVisible();
      await shoot("one-time-code", later);
      await later.goto(`${world.keycloak.issuer}/protocol/openid-connect/auth?client_id=nobody`);
      await shoot("error", later);
      await page.goto(`${origin}/bff/login?prompt=login`);
      await expect(page.getByLabel("Password", { exact: true })).toBeVisible();
      await shoot("login-again");

      await page.goto(`${world.keycloak.issuer}/account/?referrer=cloakroom`);
      await expect(page.getByLabel(/last name/i)).toBeVisible();
      await shoot("account");
      await page.goto(`${world.keycloak.issuer}/account/account-security/signing-in`);
      await expect(page.getByRole("heading", { name: /two-factor/i })).toBeVisible();
      await shoot("account-security");
      await page.goto(`${world.keycloak.issuer}/account/account-security/device-activity`);
      await expect(page.getByRole("heading", { name: /signed in devices|device/i }).first()).toBeVisible();
      await shoot("account-devices");
      for (const each of [page, first, later]) await each.context().close();
    });
