// Keycloak's account console, and the links between it and the app.
import { call, logIn } from "@cloakroom/testkit/keycloak/pages.ts";
import { expect, test } from "../support/test.ts";

test("a device signed out in the account console is logged out of the gateway", async ({
  page,
  browser,
  system,
  newUser,
}) => {
  const user = await newUser();
  await logIn(page, system.gateway.origin, user);
  const phone = await (await browser.newContext()).newPage();
  await logIn(phone, system.gateway.origin, user);
  await page.goto(`${system.keycloak.issuer}/account/account-security/device-activity`);
  await page.getByRole("button", { name: /sign out all devices/i }).click();
  await page.getByRole("button", { name: /^confirm$/i }).click();
  await expect.poll(async () => (await call(phone, "/api/protected?message=probe")).status).toBe(401);
  await phone.context().close();
});

test("the profile page links to the account console, which links back to the app", async ({
  page,
  system,
  newUser,
}) => {
  const user = await newUser();
  await logIn(page, system.gateway.origin, user);
  await page.goto(`${system.gateway.origin}/profile`);
  await page.getByRole("link", { name: "Manage your account" }).click();
  await expect(page.getByLabel(/last name/i)).toHaveValue(user.username);
  await page.getByRole("link", { name: /back to cloakroom/i }).click();
  await page.waitForURL(`${system.gateway.origin}/`);
  expect((await call(page, "/bff/user")).body["user"]).not.toBeNull();
});
