// Keyboard operation from login to logout.
import type { Locator, Page } from "@playwright/test";
import { usernameField } from "../support/provider-pages.ts";
import { expect, test } from "../support/test.ts";

test("login, an API call and logout work with the keyboard alone, with a visible focus", async ({ page, user }) => {
  await page.goto("/call?message=keyboard");
  await tabTo(page, page.getByRole("banner").getByRole("link", { name: "Log in" }));
  await page.keyboard.press("Enter");
  // The provider's login page focuses its first field.
  await expect(usernameField(page)).toBeFocused();
  await page.keyboard.type(user.username);
  await page.keyboard.press("Tab");
  await page.keyboard.type(user.password);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("banner")).toContainText(user.name);

  await tabTo(page, page.getByRole("link", { name: "Profile" }));
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL("/profile");
  // A navigation moves the focus to the heading.
  await expect(page.getByRole("heading", { level: 1, name: "Profile" })).toBeFocused();
  await tabTo(page, page.getByRole("link", { name: "Call the API" }), "Shift+Tab");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: "Call the API" })).toBeFocused();
  await tabTo(page, page.getByLabel("Message"));
  await page.keyboard.press("ControlOrMeta+A");
  await page.keyboard.type("no mouse");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("region", { name: "Response" })).toContainText("no mouseReceived");
  await expect(page.getByLabel("Message")).toBeFocused();

  await tabTo(page, page.getByRole("button", { name: "Log out", exact: true }), "Shift+Tab");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "You are logged out" })).toBeVisible();
});

test("the first Tab focuses the skip link, which moves the focus past the navigation", async ({ page }) => {
  await page.goto("/profile");
  // The heading alone is shown before the session is known.
  await expect(page.getByRole("main").getByRole("link", { name: "Log in" })).toBeVisible();
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to the content" })).toBeFocused();
  await expect(page.getByRole("link", { name: "Skip to the content" })).toBeInViewport();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await expect(page.getByRole("main").getByRole("link", { name: "Log in" })).toBeFocused();
});

/** Presses Tab until the target is focused, and asserts a visible focus on every element before it. */
async function tabTo(page: Page, target: Locator, key: "Tab" | "Shift+Tab" = "Tab"): Promise<void> {
  await expect(target).toBeVisible();
  for (let presses = 0; presses < 30; presses++) {
    await page.keyboard.press(key);
    const unmarked = await page.evaluate(() => {
      const active = document.activeElement;
      if (active === null || active === document.body) return null;
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(active);
      const isMarked = (outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow !== "none";
      return isMarked ? null : active.outerHTML;
    });
    expect(unmarked, "focused element without outline or shadow").toBeNull();
    if (await target.evaluate((element) => element === document.activeElement)) return;
  }
  throw new Error(`${String(target)} is not focused after 30 × ${key}`);
}
