import { expect, test } from "@cloakroom/testing/playwright";

test("a user logs in and out, and the browser receives no token", async ({ page, user, expectNoLeak }) => {
  await page.goto("/");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByLabel(/Username/).fill(user.username);
  await page.getByLabel("Password", { exact: true }).fill(user.password);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await expect(page.getByRole("heading", { name: `Hello, ${user.name}` })).toBeVisible();
  await expectNoLeak();

  await page.getByRole("button", { name: "Log out" }).click();
  await expect(page.getByText("You are not logged in.")).toBeVisible();
});

test("a page that is opened with a session shows its user", async ({ page, user, login }) => {
  await login(page, user);
  await page.goto("/");
  await expect(page.getByRole("heading", { name: `Hello, ${user.name}` })).toBeVisible();
});
