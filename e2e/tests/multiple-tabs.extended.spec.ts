// Several tabs of one browser, and several users: concurrent logins succeed, and every tab shows the current user only.
import type { Page } from "@playwright/test";
import { call } from "../support/page-requests.ts";
import { logInByHttp, createUser } from "../support/users.ts";
import { enterPassword, passwordField, providerPages } from "../support/provider-pages.ts";
import { expect, test } from "../support/test.ts";

for (const count of [2, 5])
  test(
    `${count} tabs with concurrent logins, completed in reverse order, are all logged in`,
    { tag: count === 2 ? [] : "@extended" },
    async ({ context, user, system }) => {
      const tabs: Page[] = [];
      for (let at = 0; at < count; at++) {
        const tab = await context.newPage();
        tabs.push(tab);
        await tab.goto(`/call?message=tab-${at}`);
        await tab.getByRole("banner").getByRole("link", { name: "Log in" }).click();
        await expect(passwordField(tab)).toBeVisible();
      }
      for (const [at, tab] of [...tabs.entries()].reverse()) {
        await tab.bringToFront();
        if (at === count - 1) await enterPassword(tab, user);
        else await providerPages.enterPasswordInWaitingTab(tab, user);
        await expect(tab).toHaveURL(`/call?message=tab-${at}`);
        await expect(tab.getByRole("banner")).toContainText(user.name);
      }
      for (const [at, tab] of tabs.entries()) {
        await tab.bringToFront();
        await tab.getByRole("button", { name: "Send" }).click();
        await expect(tab.getByRole("region", { name: "Response" })).toContainText(`tab-${at}Received`);
      }
      expect(system.provider.count("refresh-token-reuse")).toBe(0);
    },
  );

test("an open tab shows the user after a login in another tab", async ({ context, system, user }) => {
  const openTab = await context.newPage();
  await openTab.goto("/profile");
  await expect(openTab.getByRole("heading", { name: "Profile" })).toBeVisible();
  const tab = await context.newPage();
  await logInByHttp(context, system, user);
  await tab.goto("/");
  await expect(tab.getByRole("banner")).toContainText(user.name);
  await expect(openTab.getByRole("heading", { name: "Claims" })).toBeVisible();
});

test("concurrent calls of two users in two browsers return only the caller's own data", async ({
  system,
  newBrowser,
}) => {
  const pages: { page: Page; sub: string; name: string }[] = [];
  for (const department of ["engineering", "sales"]) {
    const user = await createUser(system, { department });
    const { context } = await newBrowser();
    await logInByHttp(context, system, user);
    const page = await context.newPage();
    await page.goto("/profile");
    await expect(page.getByRole("banner")).toContainText(user.name);
    pages.push({ page, sub: user.sub, name: user.name });
  }
  const rounds = Array.from({ length: 20 }, (_, round) => round);
  const subsByPage = await Promise.all(
    pages.map(async ({ page }) => {
      const responses = await Promise.all(rounds.map((round) => call(page, `/api/protected?message=${round}`)));
      return responses.map(({ body }) => (body as { user?: { sub?: string } }).user?.sub);
    }),
  );
  expect(subsByPage).toEqual(pages.map(({ sub }) => rounds.map(() => sub)));
  for (const [at, { page }] of pages.entries()) {
    const other = pages[1 - at]!;
    await page.reload();
    await expect(page.getByRole("table", { name: "Claims" })).toContainText(pages[at]!.sub);
    await expect(page.locator("body")).not.toContainText(other.sub);
    await expect(page.locator("body")).not.toContainText(other.name);
  }
});

test("a login of another user in the same browser shows no data of the previous user", async ({
  context,
  loggedInPage,
  system,
  user,
}) => {
  const next = await createUser(system);
  await loggedInPage.goto("/");
  await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
  // An open page would react to the end of its session, possibly by a reload that interrupts the navigation below.
  await loggedInPage.goto("about:blank");
  // The provider's session ends without a notice to the gateway.
  await context.clearCookies({ domain: "127.0.0.1" });
  await logInByHttp(context, system, next);
  await loggedInPage.goto("/profile");
  await expect(loggedInPage.getByRole("table", { name: "Claims" })).toContainText(next.sub);
  await expect(loggedInPage.locator("body")).not.toContainText(user.sub);
});

for (const next of ["another user", "the same user"] as const)
  for (const path of ["/profile", "/call", "/"]) {
    const tag = next === "another user" || path === "/" ? [] : "@extended";
    test(
      `a tab on ${path} shows the current user after a login of ${next} in a second tab`,
      { tag },
      async ({ context, loggedInPage, system, user }) => {
        const nextUser = next === "another user" ? await createUser(system) : user;
        const subscribed = context.waitForEvent("response", (response) => response.url().endsWith("/bff/events"));
        await loggedInPage.goto(path);
        await subscribed;
        await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
        // Without its own session the provider asks for the password.
        await context.clearCookies({ domain: "127.0.0.1" });
        const second = await context.newPage();
        await second.goto("/bff/login");
        await enterPassword(second, nextUser);
        await expect(second.getByRole("banner")).toContainText(nextUser.name);
        await expect(loggedInPage.getByRole("banner")).toContainText(nextUser.name);
        await expect(loggedInPage.getByText("Your session was ended")).toHaveCount(0);
        if (next === "another user") await expect(loggedInPage.locator("body")).not.toContainText(user.name);
        expect(await call(loggedInPage, "/api/protected?message=x")).toMatchObject({ status: 200 });
      },
    );
  }
