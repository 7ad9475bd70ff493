// The session list on the profile page: labels, announcements and focus.
import type { Page } from "@playwright/test";
import { isOnKeycloak } from "../support/provider-pages.ts";
import { expect, test } from "../support/test.ts";
import { logInByHttp } from "../support/users.ts";

test.beforeEach(() => test.skip(isOnKeycloak, "independent of the provider"));

const rows = (page: Page) => page.getByRole("region", { name: "Where you are logged in" }).getByRole("listitem");
const endButtons = (page: Page) => page.getByRole("button", { name: /^End session on/ });

test("the session list starts with this browser, labels every button, and moves the focus after an end", async ({
  page,
  loggedInPage,
  user,
  system,
  newBrowser,
}) => {
  for (let count = 0; count < 3; count += 1) await logInByHttp((await newBrowser()).context, system, user);
  await loggedInPage.goto("/profile");
  await expect(rows(page)).toHaveCount(4);
  await expect(rows(page).first()).toContainText("This browser");
  const names = await endButtons(page).evaluateAll((all) => all.map((each) => each.getAttribute("aria-label")));
  for (const name of names)
    expect(name).toMatch(/^End session on Chrome on Linux, last used .+, logged in .+, [234] of 4$/);
  expect(new Set(names).size).toBe(3);
  await endButtons(page).first().focus();
  await page.keyboard.press("Enter");
  await expect(rows(page)).toHaveCount(3);
  await expect(page.getByText("The session on Chrome on Linux has ended. 3 sessions remain.")).toBeAttached();
  await expect(endButtons(page).first()).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(rows(page)).toHaveCount(2);
  await expect(page.getByText("The session on Chrome on Linux has ended. 2 sessions remain.")).toBeAttached();
  await expect(endButtons(page).first()).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(rows(page)).toHaveCount(1);
  await expect(page.getByRole("heading", { name: "Where you are logged in" })).toBeFocused();
});

test("logging out everywhere asks for confirmation and restores the focus on cancel", async ({
  page,
  loggedInPage,
}) => {
  await loggedInPage.goto("/profile");
  const opener = rows(page).locator("xpath=../..").getByRole("button", { name: "Log out everywhere" });
  await opener.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Log out everywhere?" });
  await expect(dialog.getByRole("button", { name: "Cancel" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(opener).toBeFocused();
  await opener.press("Enter");
  await expect(dialog.getByRole("button", { name: "Cancel" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(dialog).toBeHidden();
  await expect(opener).toBeFocused();
  await opener.press("Enter");
  await dialog.getByRole("button", { name: "Log out everywhere" }).press("Enter");
  await expect(page.getByRole("heading", { name: "You are logged out" })).toBeVisible();
});
