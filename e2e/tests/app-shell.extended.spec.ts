// The frame around every page: display names, the menu on a narrow screen, forced colors, notices, and the static
// skeleton before the script has loaded.
import { logInByHttp, createUser } from "../support/users.ts";
import { isOnKeycloak } from "../support/provider-pages.ts";
import { expect, test } from "../support/test.ts";

const PAGES = ["/", "/profile", "/call", "/admin", "/under-the-hood", "/logged-out", "/no-such-page"];
const LONG_NAME = `Maximiliana-Theodora von ${"Hohenlohe".repeat(5)}`;

test.beforeEach(() => test.skip(isOnKeycloak, "independent of the provider"));

test.describe("display names", () => {
  const ROWS = [
    { name: "Alice \u202enimda", shown: "Alice nimda" },
    { name: "\u2067Alice\u2069 \u200fBob\u061c", shown: "Alice Bob" },
    { name: "Ali\u200bce\u00ad Exa\ufeffmple", shown: "Alice Example" },
    { name: "שלום עליכם", shown: "שלום עליכם" },
    { name: "<b>Bold</b>", shown: "<b>Bold</b>" },
  ];
  for (const { name, shown } of ROWS)
    test(`the display name ${JSON.stringify(name)} is shown without bidirectional controls and in isolation`, async ({
      context,
      page,
      system,
    }) => {
      await logInByHttp(context, system, await createUser(system, { name }));
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

test("a page is rendered despite a malformed percent-encoding in the fragment", async ({ page }) => {
  await page.goto("/under-the-hood#%E0%A4%A");
  await expect(page.getByRole("heading", { level: 1, name: "Under the hood" })).toBeVisible();
  await expect(page.getByText(/No token found in/)).toBeVisible();
});

test.describe("at 320 px", () => {
  test.use({ viewport: { width: 320, height: 568 } });

  test("no page scrolls horizontally at 320 px with a long display name, with the menu open or closed", async ({
    context,
    page,
    system,
  }) => {
    const expectFit = async (state: string) => {
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect.soft(overflow, `${state}: horizontal overflow in px`).toBeLessThanOrEqual(0);
      const height = await page.getByRole("banner").evaluate((banner) => banner.getBoundingClientRect().height);
      expect.soft(height, `${state}: header height in px`).toBeLessThanOrEqual(72);
    };
    for (const path of PAGES) {
      await page.goto(path);
      await expect(page.getByRole("banner").getByRole("link", { name: "Log in" })).toBeVisible();
      await expectFit(`${path} before the login`);
    }
    await logInByHttp(context, system, await createUser(system, { name: LONG_NAME, roles: ["user", "admin"] }));
    for (const path of PAGES) {
      await page.goto(path);
      await expect(page.getByRole("banner").getByTitle(LONG_NAME).first()).toHaveText("MH");
      await expectFit(`${path} after the login`);
    }
    await page.getByRole("button", { name: "Menu" }).click();
    await expect(page.getByRole("banner").getByText(LONG_NAME)).toBeVisible();
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(overflow).toBeLessThanOrEqual(0);
  });

  test("words of a name and error codes are not broken across lines at 320 px, and the diagram's labels fit their boxes", async ({
    context,
    page,
    system,
  }) => {
    const name = "Maximiliana-Konstantina Featherstonehaugh";
    await logInByHttp(context, system, await createUser(system, { name }));
    const lineCountOf = (text: string, selector: string) =>
      page
        .locator(selector)
        .first()
        .evaluate((element, searched) => {
          const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
          for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
            const at = node.textContent?.indexOf(searched) ?? -1;
            if (at < 0) continue;
            const range = document.createRange();
            range.setStart(node, at);
            range.setEnd(node, at + searched.length);
            return range.getClientRects().length;
          }
          return 0;
        }, text);
    await page.goto("/");
    await expect(page.getByRole("heading", { level: 1 })).toContainText(name);
    expect.soft(await lineCountOf("Featherstonehaugh", "h1")).toBe(1);
    expect.soft(await lineCountOf("Featherstonehaugh", ".ticket-holder")).toBe(1);
    await page.goto("/admin");
    await expect(page.getByText("insufficient_scope")).toBeVisible();
    expect.soft(await lineCountOf("insufficient_scope", ".facts-small")).toBe(1);
    await page.goto("/under-the-hood");
    const overflowing = await page.locator(".flow-tall g:has(rect)").evaluateAll((boxes) =>
      boxes.flatMap((box) => {
        const [frame, text] = [box.querySelector("rect"), box.querySelector("text")].map((each) =>
          each?.getBoundingClientRect(),
        );
        const isInside =
          frame !== undefined && text !== undefined && text.left > frame.left + 3 && text.right < frame.right - 3;
        return isInside ? [] : [box.textContent];
      }),
    );
    expect(overflowing).toEqual([]);
  });

  test("a notice at 320 px covers at most a third of the screen", async ({ page, loggedInPage, context }) => {
    await loggedInPage.goto("/call");
    await expect(page.getByLabel("Message")).toBeVisible();
    await context.setOffline(true);
    const notice = page.getByRole("region", { name: "You are offline" });
    await expect(notice).toBeInViewport();
    expect((await notice.boundingBox())?.height).toBeLessThanOrEqual(568 / 3);
  });

  test("the menu at 320 px opens, navigates, closes on Escape and contains the logout button", async ({
    page,
    loggedInPage,
    user,
  }) => {
    await loggedInPage.goto("/");
    const menu = page.getByRole("button", { name: "Menu" });
    await expect(page.getByRole("navigation", { name: "Main" })).toBeHidden();
    await menu.press("Enter");
    await expect(menu).toHaveAttribute("aria-expanded", "true");
    await expect(page.getByRole("banner").getByText(user.name)).toBeVisible();
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

test("the current page, the main action and the ticket are distinguishable in forced colors", async ({
  page,
  loggedInPage,
}) => {
  await page.emulateMedia({ forcedColors: "active" });
  await loggedInPage.goto("/profile");
  const current = page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Profile" });
  await expect(current).toHaveCSS("text-decoration-line", "underline");
  const other = page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Call the API" });
  await expect(other).toHaveCSS("text-decoration-line", "none");
  const colorsOf = (selector: string) =>
    page
      .locator(selector)
      .first()
      .evaluate((element) => {
        const { backgroundColor, color, borderStyle } = getComputedStyle(element);
        return { backgroundColor, color, borderStyle };
      });
  const canvas = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const ticket = await colorsOf(".ticket");
  expect(ticket.backgroundColor).not.toBe(canvas);
  expect(ticket.borderStyle).toBe("solid");
  await page.goto("/call");
  const send = await colorsOf(".button-main");
  const plain = await colorsOf(".button:not(.button-main)");
  expect(send.backgroundColor).not.toBe(plain.backgroundColor);
  expect(send.color).not.toBe(send.backgroundColor);
});

test("a notice that appears and disappears does not move the focused field", async ({
  page,
  loggedInPage,
  user,
  context,
}) => {
  await loggedInPage.goto("/call");
  await expect(page.getByRole("banner")).toContainText(user.name);
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
  // Screen readers announce it: the live region existed before its content.
  await expect(page.locator("[aria-live=polite]").filter({ has: notice })).toHaveCount(1);
  await context.setOffline(false);
  await expect(notice).toHaveCount(0);
  await expect.poll(() => message.boundingBox()).toEqual(before);
});

test.describe("static skeleton", () => {
  test("the page shows its styled header before the script has loaded", async ({ page }) => {
    await page.route("**/*.js", (route) => route.abort());
    await page.goto("/");
    await expect(page.getByRole("banner").getByRole("link", { name: "Cloakroom" })).toBeVisible();
    await expect(page.getByText("Loading.")).toBeAttached();
    await expect(page.getByRole("banner")).toHaveCSS("border-bottom-width", "2px");
  });

  test("the header does not move when the script renders the page", async ({ page }) => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
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
    release();
    await expect(page.getByRole("heading", { level: 1, name: /keeps a ticket/ })).toBeVisible();
    await expect.poll(() => brand.boundingBox()).toEqual(before);
  });
});
