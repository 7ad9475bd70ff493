// Keycloak's self-service pages: reached from the application, and back.
import { call, logIn } from "../support/pages.ts";
import { expect, test } from "../support/test.ts";

test("the account console knows the user without a password, and a device signed out there is out here", async ({
  page,
  browser,
  world,
  newUser,
}) => {
  const user = await newUser();
  await logIn(page, world.gateway.origin, user);
  const phone = await (await browser.newContext()).newPage();
  await logIn(phone, world.gateway.origin, user);
  await page.goto(`${world.keycloak.issuer}/account/account-security/device-activity`);
  await page.getByRole("button", { name: /sign out all devices/i }).click();
  await page.getByRole("button", { name: /^confirm$/i }).click();
  await expect.poll(async () => (await call(phone, "/api/protected?message=probe")).status).toBe(401);
  await phone.context().close();
});

test("the application leads to the user's own account, and from there back", async ({ page, world, newUser }) => {
  const user = await newUser();
  await logIn(page, world.gateway.origin, user);
  await page.goto(`${world.gateway.origin}/profile`);
  await page.getByRole("link", { name: "Manage your account" }).click();
  await expect(page.getByLabel(/last name/i)).toHaveValue(user.username);
  await page.getByRole("link", { name: /back to cloakroom/i }).click();
  await page.waitForURL(`${world.gateway.origin}/`);
  expect((await call(page, "/bff/user")).body["user"]).not.toBeNull();
});
