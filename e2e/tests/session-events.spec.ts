// Session events: the gateway notifies open pages of the end of their session, over one event stream per browser.
import type { BrowserContext, Page } from "@playwright/test";
import { call } from "../support/page-requests.ts";
import { logInByHttp } from "../support/users.ts";
import { expect, test } from "../support/test.ts";

const endedNotice = (page: Page) => page.getByRole("region", { name: "Your session was ended" });
const sessionList = (page: Page) => page.getByRole("region", { name: "Where you are logged in" });

/** Resolves when the gateway has opened an event stream for a tab of this browser. */
const waitForSubscription = (context: BrowserContext) =>
  context.waitForEvent("response", (response) => response.url().endsWith("/bff/events"));

test("a session ended from another browser disappears from every tab, each with the reason", async ({
  loggedInPage,
  user,
  system,
  newBrowser,
}) => {
  const { context } = await newBrowser();
  await logInByHttp(context, system, user);
  const subscribed = waitForSubscription(context);
  const callPage = await context.newPage();
  await callPage.goto("/call");
  await subscribed;
  const home = await context.newPage();
  await home.goto("/");
  await expect(home.getByRole("banner")).toContainText(user.name);

  await loggedInPage.goto("/profile");
  await expect(sessionList(loggedInPage).getByRole("listitem")).toHaveCount(2);
  await expect(sessionList(loggedInPage).getByRole("listitem").filter({ hasText: "This browser" })).toHaveCount(1);
  await sessionList(loggedInPage)
    .getByRole("button", { name: /^End session on/ })
    .click();
  await expect(sessionList(loggedInPage).getByRole("listitem")).toHaveCount(1);

  for (const page of [callPage, home]) {
    await expect(endedNotice(page)).toBeVisible();
    await expect(page.locator("body")).not.toContainText(user.name);
  }
  // The browser that ended it keeps its own session.
  expect(await call(loggedInPage, "/api/protected?message=x")).toMatchObject({ status: 200 });
});

test("one event stream serves all tabs of a browser, and another tab opens one when its tab is closed", async ({
  loggedInPage: first,
  context,
  user,
  system,
}) => {
  let streams = 0;
  context.on("request", (request) => {
    if (request.url().endsWith("/bff/events")) streams += 1;
  });
  const subscribed = waitForSubscription(context);
  await first.goto("/");
  await subscribed;
  // Above Chromium's limit of six connections per origin: with one stream per tab, the last tab could not load.
  const others: Page[] = [];
  for (let count = 0; count < 7; count += 1) {
    const page = await context.newPage();
    await page.goto("/call");
    await expect(page.getByRole("banner")).toContainText(user.name);
    others.push(page);
  }
  expect(streams).toBe(1);

  const resubscribed = waitForSubscription(context);
  await first.close();
  await resubscribed;
  expect(streams).toBe(2);
  expect(await system.provider.endSession(user.sub)).toBeGreaterThan(0);
  for (const page of others) await expect(endedNotice(page)).toBeVisible();
});

test("logging out everywhere ends the session in every browser", async ({ loggedInPage, user, system, newBrowser }) => {
  const { context } = await newBrowser();
  await logInByHttp(context, system, user);
  const subscribed = waitForSubscription(context);
  const elsewhere = await context.newPage();
  await elsewhere.goto("/call");
  await subscribed;
  await loggedInPage.goto("/profile");
  await sessionList(loggedInPage).getByRole("button", { name: "Log out everywhere" }).click();
  const dialog = loggedInPage.getByRole("dialog", { name: "Log out everywhere?" });
  await dialog.getByRole("button", { name: "Log out everywhere" }).click();
  await expect(endedNotice(elsewhere)).toBeVisible();
  expect(await call(elsewhere, "/api/protected?message=x")).toMatchObject({ status: 401 });
  await expect(loggedInPage).not.toHaveURL(/profile/);
  await loggedInPage.goto("/profile");
  await expect(loggedInPage.getByRole("main").getByRole("link", { name: "Log in" })).toBeVisible();
});

test.describe("idle timeout", () => {
  // The warning is sent a fifth of the timeout before its end: six seconds.
  test.beforeEach(({ system }) => system.gateway.restart({ SESSION_IDLE_SECONDS: "30" }));
  test.afterEach(({ system }) => system.gateway.restart({ SESSION_IDLE_SECONDS: "1800" }));

  test(
    "a warning before the idle timeout offers a button that extends the session",
    { tag: "@extended" },
    async ({ loggedInPage, user }) => {
      test.setTimeout(120_000);
      await loggedInPage.goto("/call");
      const warning = loggedInPage.getByRole("region", { name: "Your session is about to end" });
      // No assertion before the click: it would use up the few seconds that remain.
      await warning.getByRole("button", { name: "Stay logged in" }).click({ timeout: 60_000 });
      await expect(warning).toBeHidden();
      await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
      expect(await call(loggedInPage, "/api/protected?message=x")).toMatchObject({ status: 200 });
    },
  );
});
