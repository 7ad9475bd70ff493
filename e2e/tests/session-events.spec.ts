// The app hears from the gateway what happens to its session, and shows where else one is logged in.
import type { BrowserContext, Page } from "@playwright/test";
import { call } from "../support/calls.ts";
import { logInQuietly } from "../support/people.ts";
import { expect, test } from "../support/test.ts";

const ended = (page: Page) => page.getByRole("region", { name: "Your session was ended" });
const list = (page: Page) => page.getByRole("region", { name: "Where you are logged in" });

/** Resolves once the gateway has answered a tab of this browser with a stream of events. */
const listening = (context: BrowserContext) =>
  context.waitForEvent("response", (response) => response.url().endsWith("/bff/events"));

test("a session that is ended from another browser is gone from every tab at once, and each says why", async ({
  loggedIn,
  person,
  system,
  newBrowser,
}) => {
  const { context } = await newBrowser();
  await logInQuietly(context, system, person);
  const heard = listening(context);
  const call1 = await context.newPage();
  await call1.goto("/call");
  await heard;
  const home = await context.newPage();
  await home.goto("/");
  await expect(home.getByRole("banner")).toContainText(person.name);

  await loggedIn.goto("/profile");
  await expect(list(loggedIn).getByRole("listitem")).toHaveCount(2);
  await expect(list(loggedIn).getByRole("listitem").filter({ hasText: "This browser" })).toHaveCount(1);
  await list(loggedIn)
    .getByRole("button", { name: /^End session on/ })
    .click();
  await expect(list(loggedIn).getByRole("listitem")).toHaveCount(1);

  for (const page of [call1, home]) {
    await expect(ended(page)).toBeVisible();
    await expect(page.locator("body")).not.toContainText(person.name);
  }
  // The one who ended it goes on.
  expect(await call(loggedIn, "/api/protected?message=x")).toMatchObject({ status: 200 });
});

test("one stream of events serves all tabs of a browser, and the next tab takes over when its tab is closed", async ({
  loggedIn: first,
  context,
  person,
  system,
}) => {
  let streams = 0;
  context.on("request", (request) => {
    if (request.url().endsWith("/bff/events")) streams += 1;
  });
  const heard = listening(context);
  await first.goto("/");
  await heard;
  // More tabs than a browser opens connections to one origin: with a stream each, the last could load nothing.
  const others: Page[] = [];
  for (let count = 0; count < 7; count += 1) {
    const page = await context.newPage();
    await page.goto("/call");
    await expect(page.getByRole("banner")).toContainText(person.name);
    others.push(page);
  }
  expect(streams).toBe(1);

  const heardAgain = listening(context);
  await first.close();
  await heardAgain;
  expect(streams).toBe(2);
  expect(await system.provider.endSession(person.sub)).toBeGreaterThan(0);
  for (const page of others) await expect(ended(page)).toBeVisible();
});

test("a person who logs out everywhere is logged out in every browser", async ({
  loggedIn,
  person,
  system,
  newBrowser,
}) => {
  const { context } = await newBrowser();
  await logInQuietly(context, system, person);
  const heard = listening(context);
  const elsewhere = await context.newPage();
  await elsewhere.goto("/call");
  await heard;
  await loggedIn.goto("/profile");
  await list(loggedIn).getByRole("button", { name: "Log out everywhere" }).click();
  const question = loggedIn.getByRole("dialog", { name: "Log out everywhere?" });
  await question.getByRole("button", { name: "Log out everywhere" }).click();
  await expect(ended(elsewhere)).toBeVisible();
  expect(await call(elsewhere, "/api/protected?message=x")).toMatchObject({ status: 401 });
  await expect(loggedIn).not.toHaveURL(/profile/);
  await loggedIn.goto("/profile");
  await expect(loggedIn.getByRole("main").getByRole("link", { name: "Log in" })).toBeVisible();
});

test.describe("a session that is about to run out", () => {
  // Short, and the warning comes early enough to be acted upon: a fifth of it before the end.
  test.beforeEach(({ system }) => system.gateway.restart({ SESSION_IDLE_SECONDS: "30" }));
  test.afterEach(({ system }) => system.gateway.restart({ SESSION_IDLE_SECONDS: "1800" }));

  test("is announced, and one press keeps it", async ({ loggedIn, person }) => {
    test.setTimeout(120_000);
    await loggedIn.goto("/call");
    const warning = loggedIn.getByRole("region", { name: "Your session is about to end" });
    // The click is what waits: an assertion before it would take time of the few seconds that are left.
    await warning.getByRole("button", { name: "Stay logged in" }).click({ timeout: 60_000 });
    await expect(warning).toBeHidden();
    await expect(loggedIn.getByRole("banner")).toContainText(person.name);
    expect(await call(loggedIn, "/api/protected?message=x")).toMatchObject({ status: 200 });
  });
});
