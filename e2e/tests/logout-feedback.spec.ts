// What the app shows while a logout is in progress, and when its outcome is unknown.
import { isOnKeycloak } from "../support/provider-pages.ts";
import { expect, test } from "../support/test.ts";

test.beforeEach(() => test.skip(isOnKeycloak, "independent of the provider"));

test("a logout in progress is shown on the button until the next page has loaded", async ({ page, loggedInPage }) => {
  await loggedInPage.goto("/profile");
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route("**/bff/logout", async (route) => {
    await held;
    await route.continue();
  });
  await page.getByRole("button", { name: "Log out", exact: true }).click();
  const button = page.getByRole("button", { name: "Logging out…" });
  await expect(button).toHaveAttribute("aria-busy", "true");
  release();
  await expect(page.getByRole("heading", { name: "You are logged out" })).toBeVisible();
});

test("a logout without a connection shows a single notice, and succeeds when it is repeated online", async ({
  page,
  loggedInPage,
  context,
  user,
}) => {
  await loggedInPage.goto("/profile");
  await expect(page.getByRole("banner")).toContainText(user.name);
  await context.setOffline(true);
  await page.getByRole("button", { name: "Log out", exact: true }).click();
  const failed = page.getByRole("region", { name: "You may still be logged in" });
  await expect(failed).toBeVisible();
  await expect(page.locator(".notice")).toHaveCount(1);
  await expect(page.getByText(/not logged out/i)).toHaveCount(0);
  await context.setOffline(false);
  await failed.getByRole("button", { name: "Try to log out again" }).click();
  await expect(page.getByRole("heading", { name: "You are logged out" })).toBeVisible();
});

test("a logout whose response is lost shows no failure once the gateway reports the session as ended", async ({
  page,
  loggedInPage,
  user,
}) => {
  await loggedInPage.goto("/profile");
  await expect(page.getByRole("banner")).toContainText(user.name);
  await page.route("**/bff/logout", async (route) => {
    await route.fetch();
    await route.abort();
  });
  await page.getByRole("button", { name: "Log out", exact: true }).click();
  await expect(page.getByRole("main").getByRole("link", { name: "Log in again" })).toBeVisible();
  await expect(page.getByRole("region", { name: "You may still be logged in" })).toHaveCount(0);
});
