// Several tabs and several people at once: nobody clobbers another's login, nobody sees another's data.
import type { Page } from "@playwright/test";
import { call } from "../support/calls.ts";
import { logInQuietly, newPerson } from "../support/people.ts";
import { enterPassword, passwordField, providerPages } from "../support/provider-pages.ts";
import { expect, test } from "../support/test.ts";

for (const count of [2, 5])
  test(`${count} tabs that log in at once and finish in reverse order are all logged in`, async ({
    context,
    person,
    system,
  }) => {
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
      if (at === count - 1) await enterPassword(tab, person);
      else await providerPages.enterPasswordInWaitingTab(tab, person);
      await expect(tab).toHaveURL(`/call?message=tab-${at}`);
      await expect(tab.getByRole("banner")).toContainText(person.name);
    }
    for (const [at, tab] of tabs.entries()) {
      await tab.bringToFront();
      await tab.getByRole("button", { name: "Send" }).click();
      await expect(tab.getByRole("region", { name: "Response" })).toContainText(`tab-${at}Received`);
    }
    expect(system.provider.count("refresh-token-reuse")).toBe(0);
  });

test("a tab that was open during the login shows the person as well", async ({ context, system, person }) => {
  const bystander = await context.newPage();
  await bystander.goto("/profile");
  await expect(bystander.getByRole("heading", { name: "Profile" })).toBeVisible();
  const tab = await context.newPage();
  await logInQuietly(context, system, person);
  await tab.goto("/");
  await expect(tab.getByRole("banner")).toContainText(person.name);
  await expect(bystander.getByRole("heading", { name: "Claims" })).toBeVisible();
});

test("two people in two browsers never see each other's data, however their calls interleave", async ({
  system,
  newBrowser,
}) => {
  const pages: { page: Page; sub: string; name: string }[] = [];
  for (const department of ["engineering", "sales"]) {
    const person = await newPerson(system, { department });
    const { context } = await newBrowser();
    await logInQuietly(context, system, person);
    const page = await context.newPage();
    await page.goto("/profile");
    await expect(page.getByRole("banner")).toContainText(person.name);
    pages.push({ page, sub: person.sub, name: person.name });
  }
  const rounds = Array.from({ length: 20 }, (_, round) => round);
  const seen = await Promise.all(
    pages.map(async ({ page }) => {
      const answers = await Promise.all(rounds.map((round) => call(page, `/api/protected?message=${round}`)));
      return answers.map(({ body }) => (body as { user?: { sub?: string } }).user?.sub);
    }),
  );
  expect(seen).toEqual(pages.map(({ sub }) => rounds.map(() => sub)));
  for (const [at, { page }] of pages.entries()) {
    const other = pages[1 - at]!;
    await page.reload();
    await expect(page.getByRole("table", { name: "Claims" })).toContainText(pages[at]!.sub);
    await expect(page.locator("body")).not.toContainText(other.sub);
    await expect(page.locator("body")).not.toContainText(other.name);
  }
});

test("a person who logs in where another one was takes over nothing of theirs", async ({
  context,
  loggedIn,
  system,
  person,
}) => {
  const next = await newPerson(system);
  await loggedIn.goto("/");
  await expect(loggedIn.getByRole("banner")).toContainText(person.name);
  // The provider's session ends behind the gateway's back, as when somebody logs out of another application.
  await context.clearCookies({ domain: "127.0.0.1" });
  await logInQuietly(context, system, next);
  await loggedIn.goto("/profile");
  await expect(loggedIn.getByRole("banner")).toContainText(next.name);
  await expect(loggedIn.locator("body")).not.toContainText(person.sub);
});

for (const next of ["another person", "the same person"] as const)
  for (const path of ["/profile", "/call", "/"])
    test(`a tab on ${path} follows when ${next} logs in in a second tab`, async ({
      context,
      loggedIn,
      system,
      person,
    }) => {
      const people = { "another person": () => newPerson(system), "the same person": () => Promise.resolve(person) };
      const newcomer = await people[next]();
      const heard = context.waitForEvent("response", (response) => response.url().endsWith("/bff/events"));
      await loggedIn.goto(path);
      await heard;
      await expect(loggedIn.getByRole("banner")).toContainText(person.name);
      // The provider asks again who it is: its own session has ended, for instance by a logout in another application.
      await context.clearCookies({ domain: "127.0.0.1" });
      const second = await context.newPage();
      await second.goto("/bff/login");
      await enterPassword(second, newcomer);
      await expect(second.getByRole("banner")).toContainText(newcomer.name);
      await expect(loggedIn.getByRole("banner")).toContainText(newcomer.name);
      await expect(loggedIn.getByText("Your session was ended")).toHaveCount(0);
      if (next === "another person") await expect(loggedIn.locator("body")).not.toContainText(person.name);
      expect(await call(loggedIn, "/api/protected?message=x")).toMatchObject({ status: 200 });
    });
