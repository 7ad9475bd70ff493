// Step-up authentication (RFC 9470): the API demands a stronger login, and the app repeats the call after it.
import type { Page } from "@playwright/test";
import { call } from "../support/page-requests.ts";
import { SESSION_COOKIE } from "@cloakroom/testing/leaks/secrets.ts";
import { providerPages } from "../support/provider-pages.ts";
import { expect, test } from "../support/test.ts";

const responsePanel = (page: Page) => page.getByRole("region", { name: "Response" });
const callHistory = (page: Page) => page.getByRole("region", { name: "Last calls" }).getByRole("listitem");
const stepUpLink = (page: Page) => responsePanel(page).getByRole("link", { name: "Confirm that it is you" });

test.beforeEach(async ({ loggedInPage, user }) => {
  await loggedInPage.goto("/call");
  await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
  await loggedInPage.getByLabel("Resource").selectOption({ label: "/api/confidential" });
  await loggedInPage.getByLabel("Message").fill("typed & kept");
  await loggedInPage.getByRole("button", { name: "Send" }).click();
  await expect(responsePanel(loggedInPage)).toContainText("Please confirm that it is you");
});

test("a step-up login repeats the rejected call with the typed text", async ({ page, user, context, system }) => {
  await expect(responsePanel(page)).toContainText("You stay logged in, and what you typed is kept.");
  await expect(page.getByRole("banner")).toContainText(user.name);
  await stepUpLink(page).click();
  await providerPages.passSecondFactor(page);
  await expect(responsePanel(page)).toContainText("typed & keptReceived");
  await expect(responsePanel(page)).toContainText('"acr": "2"');
  await expect(page.getByLabel("Message")).toHaveValue("typed & kept");
  await expect(page.getByLabel("Resource")).toHaveValue("confidential");
  await expect(page.getByRole("banner")).toContainText(user.name);
  await expect(callHistory(page)).toHaveCount(1);
  // The next call within max_age needs no step-up.
  await page.getByLabel("Message").fill("and again");
  await page.getByRole("button", { name: "Send" }).click();
  await expect(responsePanel(page)).toContainText("and againReceived");
  expect((await context.cookies(system.origin)).filter(({ name }) => name === SESSION_COOKIE)).toHaveLength(1);

  await page.reload();
  await expect(page.getByLabel("Message")).toHaveValue("typed & kept");
  await expect(responsePanel(page)).toContainText("Nothing sent yet");
});

test("leaving the second factor by the back button keeps the session at its level", async ({ page, user }) => {
  await stepUpLink(page).click();
  await providerPages.expectSecondFactor(page);
  await page.goBack();
  await expect(page.getByRole("banner")).toContainText(user.name);
  expect(await call(page, "/api/protected?message=x")).toMatchObject({ status: 200 });
  expect(await call(page, "/api/confidential?message=x")).toMatchObject({
    status: 401,
    body: { code: "step_up_required", loginUrl: "/bff/login?acr_values=2&max_age=900" },
  });
});

test("a link with the parameter of a login that returns does not send the call", async ({ page, user }) => {
  await page.goto("/call?message=planted&resume=1");
  await expect(page.getByRole("banner")).toContainText(user.name);
  await expect(page).toHaveURL("/call?message=planted");
  await expect(responsePanel(page)).toContainText("Nothing sent yet");
});
