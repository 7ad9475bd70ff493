// What surrounds every page: names, the menu on a narrow screen, forced colours, notices, and the first look before the
// script has loaded.
import type { Page } from "@playwright/test";
import { logInQuietly, newPerson } from "../support/people.ts";
import { isOnKeycloak } from "../support/provider-pages.ts";
import { expect, test } from "../support/test.ts";

const PAGES = ["/", "/profile", "/call", "/admin", "/under-the-hood", "/logged-out", "/no-such-page"];
const LONG_NAME = `Maximiliana-Theodora von ${"Hohenlohe".repeat(5)}`;

test.beforeEach(() => test.skip(isOnKeycloak, "the app's own pages are the same on every provider"));

test.describe("a name", () => {
  const ROWS = [
    { name: "Alice \u202enimda", shown: "Alice nimda" },
    { name: "\u2067Alice\u2069 \u200fBob\u061c", shown: "Alice Bob" },
    { name: "Ali\u200bce\u00ad Exa\ufeffmple", shown: "Alice Example" },
    { name: "שלום עליכם", shown: "שלום עליכם" },
    { name: "<b>Bold</b>", shown: "<b>Bold</b>" },
  ];
  for (const { name, shown } of ROWS)
    test(`${JSON.stringify(name)} is isolated and shows nothing that reorders text`, async ({
      context,
      page,
      system,
    }) => {
      await logInQuietly(context, system, await newPerson(system, { name }));
      for (const path of ["/", "/profile", "/logged-out"]) {
        await page.goto(path);
        await expect(page.getByRole("banner").locator(".rail-name bdi")).toHaveText(shown);
        await expect(page.getByRole("main").locator("bdi", { hasText: shown }).first()).toBeVisible();
        expect(await page.locator("body").textContent()).not.toMatch(
          /[\u202a-\u202e\u2066-\u2069\u200b\u200e\u200f\u061c]/,
        );
      }
    });
});

test.describe("320 px wide", () => {
  test.use({ viewport: { width: 320, height: 568 } });

  test("no page is wider than the screen, whatever the name, with the menu open as well", async ({
    context,
    page,
    system,
  }) => {
    const check = async (what: string) => {
      const beyond = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect.soft(beyond, `${what}: pixels beyond the edge`).toBeLessThanOrEqual(0);
      const height = await page.getByRole("banner").evaluate((banner) => banner.getBoundingClientRect().height);
      expect.soft(height, `${what}: one row at the top`).toBeLessThanOrEqual(72);
    };
    for (const path of PAGES) {
      await page.goto(path);
      await expect(page.getByRole("banner").getByRole("link", { name: "Log in" })).toBeVisible();
      await check(`${path} before the login`);
    }
    await logInQuietly(context, system, await newPerson(system, { name: LONG_NAME, roles: ["user", "admin"] }));
    for (const path of PAGES) {
      await page.goto(path);
      await expect(page.getByRole("banner").getByTitle(LONG_NAME).first()).toHaveText("MH");
      await check(`${path} after the login`);
    }
    await page.getByRole("button", { name: "Menu" }).click();
    await expect(page.getByRole("banner").getByText(LONG_NAME)).toBeVisible();
    const beyond = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(beyond).toBeLessThanOrEqual(0);
  });

  test("a word of a name is not broken, nor a code, and the picture's words stay in their boxes", async ({
    context,
    page,
    system,
  }) => {
    const name = "Maximiliana-Konstantina Featherstonehaugh";
    await logInQuietly(context, system, await newPerson(system, { name }));
    const rowsOf = (text: string, inside: string) =>
      page
        .locator(inside)
        .first()
        .evaluate((element, wanted) => {
          const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
          for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
            const at = node.textContent?.indexOf(wanted) ?? -1;
            if (at < 0) continue;
            const range = document.createRange();
            range.setStart(node, at);
            range.setEnd(node, at + wanted.length);
            return range.getClientRects().length;
          }
          return 0;
        }, text);
    await page.goto("/");
    await expect(page.getByRole("heading", { level: 1 })).toContainText(name);
    expect.soft(await rowsOf("Featherstonehaugh", "h1")).toBe(1);
    expect.soft(await rowsOf("Featherstonehaugh", ".ticket-holder")).toBe(1);
    await page.goto("/admin");
    await expect(page.getByText("insufficient_scope")).toBeVisible();
    expect.soft(await rowsOf("insufficient_scope", ".facts-small")).toBe(1);
    await page.goto("/under-the-hood");
    const beyond = await page.locator(".flow-tall g:has(rect)").evaluateAll((boxes) =>
      boxes.flatMap((box) => {
        const [frame, text] = [box.querySelector("rect"), box.querySelector("text")].map((each) =>
          each?.getBoundingClientRect(),
        );
        const isInside =
          frame !== undefined && text !== undefined && text.left > frame.left + 3 && text.right < frame.right - 3;
        return isInside ? [] : [box.textContent];
      }),
    );
    expect(beyond).toEqual([]);
  });

  test("the menu opens, leads to a page, closes on Escape, and holds the way out", async ({
    page,
    loggedIn,
    person,
  }) => {
    await loggedIn.goto("/");
    const menu = page.getByRole("button", { name: "Menu" });
    await expect(page.getByRole("navigation", { name: "Main" })).toBeHidden();
    await menu.press("Enter");
    await expect(menu).toHaveAttribute("aria-expanded", "true");
    await expect(page.getByRole("banner").getByText(person.name)).toBeVisible();
    await page.keyboard.press("Tab");
    await expect(page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Profile" })).toBeFocused();
    await page.keyboard.press("Escape");
    await expect(menu).toBeFocused();
    await expect(menu).toHaveAttribute("aria-expanded", "false");
    await menu.press("Enter");
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Profile" }).press("Enter");
    await expect(page).toHaveURL("/profile");
    await expect(menu).toHaveAttribute("aria-expanded", "false");
    await menu.click();
    await page.getByRole("button", { name: "Log out", exact: true }).click();
    await expect(page.getByRole("heading", { name: "You are logged out" })).toBeVisible();
  });
});

test("forced colours still show the current page, the main action and the ticket", async ({ page, loggedIn }) => {
  await page.emulateMedia({ forcedColors: "active" });
  await loggedIn.goto("/profile");
  const current = page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Profile" });
  await expect(current).toHaveCSS("text-decoration-line", "underline");
  const other = page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Call the API" });
  await expect(other).toHaveCSS("text-decoration-line", "none");
  const looksOf = (selector: string) =>
    page
      .locator(selector)
      .first()
      .evaluate((element) => {
        const { backgroundColor, color, borderStyle } = getComputedStyle(element);
        return { backgroundColor, color, borderStyle };
      });
  const canvas = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const ticket = await looksOf(".ticket");
  expect(ticket.backgroundColor).not.toBe(canvas);
  expect(ticket.borderStyle).toBe("solid");
  await page.goto("/call");
  const send = await looksOf(".button-main");
  const plain = await looksOf(".button:not(.button-main)");
  expect(send.backgroundColor).not.toBe(plain.backgroundColor);
  expect(send.color).not.toBe(send.backgroundColor);
});

test("a notice does not move the field in which a person types", async ({ page, loggedIn, person, context }) => {
  await loggedIn.goto("/call");
  await expect(page.getByRole("banner")).toContainText(person.name);
  const message = page.getByLabel("Message");
  await message.fill("half a");
  const before = await message.boundingBox();
  await context.setOffline(true);
  const notice = page.getByRole("region", { name: "You are offline" });
  await expect(notice).toBeInViewport();
  await expect(message).toBeFocused();
  await page.keyboard.type(" sentence");
  await expect(message).toHaveValue("half a sentence");
  await expect.poll(() => message.boundingBox()).toEqual(before);
  // It is announced: the region was there before its content.
  await expect(page.locator("[aria-live=polite]").filter({ has: notice })).toHaveCount(1);
  await context.setOffline(false);
  await expect(notice).toHaveCount(0);
  await expect.poll(() => message.boundingBox()).toEqual(before);
});

test.describe("a logout", () => {
  test("says that it is under way until the next page is there", async ({ page, loggedIn }) => {
    await loggedIn.goto("/profile");
    let go = (): void => undefined;
    const held = new Promise<void>((resolve) => (go = resolve));
    await page.route("**/bff/logout", async (route) => {
      await held;
      await route.continue();
    });
    await page.getByRole("button", { name: "Log out", exact: true }).click();
    const button = page.getByRole("button", { name: "Logging out…" });
    await expect(button).toHaveAttribute("aria-busy", "true");
    go();
    await expect(page.getByRole("heading", { name: "You are logged out" })).toBeVisible();
  });

  test("without a connection says one thing, and the same until it is over", async ({
    page,
    loggedIn,
    context,
    person,
  }) => {
    await loggedIn.goto("/profile");
    await expect(page.getByRole("banner")).toContainText(person.name);
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

  test("whose response is lost is not called failed once the gateway says that it happened", async ({
    page,
    loggedIn,
    person,
  }) => {
    await loggedIn.goto("/profile");
    await expect(page.getByRole("banner")).toContainText(person.name);
    await page.route("**/bff/logout", async (route) => {
      await route.fetch();
      await route.abort();
    });
    await page.getByRole("button", { name: "Log out", exact: true }).click();
    await expect(page.getByRole("main").getByRole("link", { name: "Log in again" })).toBeVisible();
    await expect(page.getByRole("region", { name: "You may still be logged in" })).toHaveCount(0);
  });
});

test.describe("before the script has loaded", () => {
  test("the page shows its frame, in the app's own colours and under its policy", async ({ page }) => {
    await page.route("**/*.js", (route) => route.abort());
    await page.goto("/");
    await expect(page.getByRole("banner").getByRole("link", { name: "Cloakroom" })).toBeVisible();
    await expect(page.getByText("Loading.")).toBeAttached();
    await expect(page.getByRole("banner")).toHaveCSS("border-bottom-width", "2px");
  });

  test("what is seen stays where it is when the script takes over", async ({ page }) => {
    let go = (): void => undefined;
    const held = new Promise<void>((resolve) => (go = resolve));
    await page.route("**/*.js", async (route) => {
      await held;
      await route.continue();
    });
    await page.goto("/", { waitUntil: "commit" });
    const brand = page.getByRole("banner").getByRole("link", { name: "Cloakroom" });
    await expect(brand).toBeVisible();
    // The style sheet has arrived.
    await expect(page.getByRole("banner")).toHaveCSS("border-bottom-width", "2px");
    const before = await brand.boundingBox();
    go();
    await expect(page.getByRole("heading", { level: 1, name: /keeps a ticket/ })).toBeVisible();
    await expect.poll(() => brand.boundingBox()).toEqual(before);
  });
});

test.describe("the list of sessions", () => {
  const rows = (page: Page) => page.getByRole("region", { name: "Where you are logged in" }).getByRole("listitem");
  const endButtons = (page: Page) => page.getByRole("button", { name: /^End session on/ });

  test("starts with this browser, names every button, and says where the focus is after an end", async ({
    page,
    loggedIn,
    person,
    system,
    newBrowser,
  }) => {
    for (let count = 0; count < 3; count += 1) await logInQuietly((await newBrowser()).context, system, person);
    await loggedIn.goto("/profile");
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

  test("asks before it logs out everywhere, and gives the focus back", async ({ page, loggedIn }) => {
    await loggedIn.goto("/profile");
    const opener = rows(page).locator("xpath=../..").getByRole("button", { name: "Log out everywhere" });
    await opener.press("Enter");
    const question = page.getByRole("dialog", { name: "Log out everywhere?" });
    await expect(question.getByRole("button", { name: "Cancel" })).toBeFocused();
    await page.keyboard.press("Escape");
    await expect(question).toBeHidden();
    await expect(opener).toBeFocused();
    await opener.press("Enter");
    await expect(question.getByRole("button", { name: "Cancel" })).toBeFocused();
    await page.keyboard.press("Enter");
    await expect(question).toBeHidden();
    await expect(opener).toBeFocused();
    await opener.press("Enter");
    await question.getByRole("button", { name: "Log out everywhere" }).press("Enter");
    await expect(page.getByRole("heading", { name: "You are logged out" })).toBeVisible();
  });
});
