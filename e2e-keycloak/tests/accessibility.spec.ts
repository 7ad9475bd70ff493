// Accessibility of Keycloak's themed pages: axe in light and dark, on a phone and on a desktop.
import { expectAccessible } from "@cloakroom/testkit/axe.ts";
import { enrolOneTimeCode, fillLoginForm } from "@cloakroom/testkit/keycloak/pages.ts";
import { expect, test } from "../support/test.ts";

test("axe reports no violation on the one-time code pages", async ({ page, browser, system, newUser }) => {
  const user = await newUser();
  const { origin } = system.gateway;
  await page.goto(`${origin}/bff/login?acr_values=2`);
  await fillLoginForm(page, user);
  await expect(page.getByLabel("One-time code")).toBeVisible();
  await expectAccessible(page, "enrolment of one-time codes");
  const secret = await enrolOneTimeCode(page);
  expect(secret).not.toBe("");
  await page.waitForURL(`${origin}/**`);

  const other = await (await browser.newContext()).newPage();
  await other.goto(`${origin}/bff/login?acr_values=2`);
  await fillLoginForm(other, user);
  await other.getByLabel("One-time code").fill("000000");
  await other.getByRole("button", { name: "Log in", exact: true }).click();
  await expect(other.getByText(/invalid authenticator code/i)).toBeVisible();
  await expectAccessible(other, "a wrong one-time code");
  await other.context().close();
});

test("axe reports no violation on the new-password page and the error page", async ({ page, system, newUser }) => {
  await page.goto(`${system.gateway.origin}/bff/login`);
  await fillLoginForm(page, await newUser({ requiredActions: ["UPDATE_PASSWORD"] }));
  await page.getByLabel("New Password", { exact: true }).fill("short");
  await page.getByLabel("Confirm password").fill("short");
  await page.getByRole("button", { name: "Submit" }).click();
  await expect(page.getByText(/minimum length 12/i)).toBeVisible();
  await expectAccessible(page, "a password that is too short");
  await page.goto(`${system.keycloak.issuer}/protocol/openid-connect/auth?client_id=unknown`);
  await expect(page.getByText("Client not found.")).toBeVisible();
  await expectAccessible(page, "the error page");
});
