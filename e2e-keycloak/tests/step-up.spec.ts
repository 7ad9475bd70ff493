// Stronger authentication on demand: level 2 is a one-time code on top of the password.
import type { Page } from "@playwright/test";
import { currentUser, fillLoginForm, logIn } from "../support/pages.ts";
import { expect, test } from "../support/test.ts";
import { nextOneTimeCode, oneTimeCode } from "../support/totp.ts";

/** Sets up a code generator as somebody who cannot scan the picture. @returns its secret */
async function enrol(page: Page): Promise<string> {
  await page.getByRole("link", { name: /unable to scan/i }).click();
  const secret = (await page.locator("#kc-totp-secret-key").textContent()) ?? "";
  // Keycloak's labels on this page belong to no field.
  await page.locator("#totp").fill(oneTimeCode(secret));
  await page.locator("#userLabel").fill("test phone");
  await page.getByRole("button", { name: "Submit" }).click();
  return secret;
}

test("the first login at level 2 sets up a one-time code, and a later one asks for it", async ({
  page,
  browser,
  world,
  newUser,
}) => {
  const user = await newUser();
  const { origin } = world.gateway;
  await page.goto(`${origin}/bff/login?acr_values=2&returnTo=/profile`);
  await fillLoginForm(page, user);
  const secret = await enrol(page);
  await page.waitForURL(`${origin}/profile`);
  expect((await currentUser(page)).session?.acr).toBe("2");

  const other = await (await browser.newContext()).newPage();
  await other.goto(`${origin}/bff/login?acr_values=2&returnTo=/profile`);
  await fillLoginForm(other, user);
  await other.locator("#otp").fill("000000");
  await other.getByRole("button", { name: /sign in/i }).click();
  await expect(other.getByText(/invalid authenticator code/i)).toBeVisible();
  await other.locator("#otp").fill(nextOneTimeCode(secret));
  await other.getByRole("button", { name: /sign in/i }).click();
  await other.waitForURL(`${origin}/profile`);
  expect((await currentUser(other)).session?.acr).toBe("2");
  await other.context().close();
});

test("a step-up in the middle of a session asks for the code only, not for the password", async ({
  page,
  world,
  newUser,
}) => {
  const user = await newUser();
  const { origin } = world.gateway;
  await logIn(page, origin, user);
  expect((await currentUser(page)).session?.acr).toBe("1");
  await page.goto(`${origin}/bff/login?acr_values=2&returnTo=/profile`);
  await enrol(page);
  await page.waitForURL(`${origin}/profile`);
  expect((await currentUser(page)).session?.acr).toBe("2");
});

test("an ordinary login of somebody with a code generator asks for the password only", async ({
  page,
  browser,
  world,
  newUser,
}) => {
  const user = await newUser();
  const { origin } = world.gateway;
  await page.goto(`${origin}/bff/login?acr_values=2`);
  await fillLoginForm(page, user);
  await enrol(page);
  await page.waitForURL(`${origin}/**`);

  const other = await (await browser.newContext()).newPage();
  await logIn(other, origin, user);
  expect((await currentUser(other)).session?.acr).toBe("1");
  await other.context().close();
});
