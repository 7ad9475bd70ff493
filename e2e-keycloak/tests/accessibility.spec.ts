// Keycloak's pages in the product's look, for everybody: axe finds nothing, in light and dark, on a phone and on a desk.
import { expectAccessible } from "../../e2e/support/axe.ts";
import { enrol, fillLoginForm } from "../support/pages.ts";
import { expect, test } from "../support/test.ts";

test("axe finds nothing on the pages of one-time codes", async ({ page, browser, world, newUser }) => {
  const user = await newUser();
  const { origin } = world.gateway;
  await page.goto(`${origin}/bff/login?acr_values=2`);
  await fillLoginForm(page, user);
  await expect(page.getByLabel("One-time code")).toBeVisible();
  await expectAccessible(page, "setting up one-time codes");
  const secret = await enrol(page);
  expect(secret).not.toBe("");
  await page.waitForURL(`${origin}/**`);

  const later = await (await browser.newContext()).newPage();
  await later.goto(`${origin}/bff/login?acr_values=2`);
  await fillLoginForm(later, user);
  await later.getByLabel("One-time code").fill("000000");
  await later.getByRole("button", { name: "Log in", exact: true }).click();
  await expect(later.getByText(/invalid authenticator code/i)).toBeVisible();
  await expectAccessible(later, "a wrong one-time code");
  await later.context().close();
});

test("axe finds nothing on the page for a new password, nor on the error page", async ({ page, world, newUser }) => {
  await page.goto(`${world.gateway.origin}/bff/login`);
  await fillLoginForm(page, await newUser({ requiredActions: ["UPDATE_PASSWORD"] }));
  await page.getByLabel("New Password", { exact: true }).fill("short");
  await page.getByLabel("Confirm password").fill("short");
  await page.getByRole("button", { name: "Submit" }).click();
  await expect(page.getByText(/minimum length 12/i)).toBeVisible();
  await expectAccessible(page, "a password that is too short");
  await page.goto(`${world.keycloak.issuer}/protocol/openid-connect/auth?client_id=nobody`);
  await expect(page.getByText("Client not found.")).toBeVisible();
  await expectAccessible(page, "the error page");
});
