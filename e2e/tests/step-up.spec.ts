// The API wants more than a password (RFC 9470): the app takes the person through it and loses nothing.
import type { Page } from "@playwright/test";
import { call } from "../support/calls.ts";
import { SESSION_COOKIE } from "../support/secrets.ts";
import { providerPages } from "../support/provider-pages.ts";
import { expect, test } from "../support/test.ts";

const answer = (page: Page) => page.getByRole("region", { name: "Response" });
const history = (page: Page) => page.getByRole("region", { name: "Last calls" }).getByRole("listitem");
const confirm = (page: Page) => answer(page).getByRole("link", { name: "Confirm that it is you" });

test.beforeEach(async ({ loggedIn, person }) => {
  await loggedIn.goto("/call");
  await expect(loggedIn.getByRole("banner")).toContainText(person.name);
  await loggedIn.getByLabel("Resource").selectOption({ label: "/api/confidential" });
  await loggedIn.getByLabel("Message").fill("typed & kept");
  await loggedIn.getByRole("button", { name: "Send" }).click();
  await expect(answer(loggedIn)).toContainText("Please confirm that it is you");
});

test("a person confirms with a second step, and the call is made again with what was typed", async ({
  page,
  person,
  context,
  system,
}) => {
  await expect(answer(page)).toContainText("You stay logged in, and what you typed is kept.");
  await expect(page.getByRole("banner")).toContainText(person.name);
  await confirm(page).click();
  await providerPages.passSecondStep(page);
  await expect(answer(page)).toContainText("typed & keptReceived");
  await expect(answer(page)).toContainText('"acr": "2"');
  await expect(page.getByLabel("Message")).toHaveValue("typed & kept");
  await expect(page.getByLabel("Resource")).toHaveValue("confidential");
  await expect(page.getByRole("banner")).toContainText(person.name);
  await expect(history(page)).toHaveCount(1);
  // Strong enough for a while: the next call needs nothing.
  await page.getByLabel("Message").fill("and again");
  await page.getByRole("button", { name: "Send" }).click();
  await expect(answer(page)).toContainText("and againReceived");
  expect((await context.cookies(system.origin)).filter(({ name }) => name === SESSION_COOKIE)).toHaveLength(1);

  await page.reload();
  await expect(page.getByLabel("Message")).toHaveValue("typed & kept");
  await expect(answer(page)).toContainText("Nothing sent yet");
});

test("a person who turns back at the second step is logged in as before", async ({ page, person }) => {
  await confirm(page).click();
  await providerPages.expectSecondStep(page);
  await page.goBack();
  await expect(page.getByRole("banner")).toContainText(person.name);
  expect(await call(page, "/api/protected?message=x")).toMatchObject({ status: 200 });
  expect(await call(page, "/api/confidential?message=x")).toMatchObject({
    status: 401,
    body: { code: "step_up_required", loginUrl: "/bff/login?acr_values=2&max_age=900" },
  });
});

test("a link of somebody else's cannot make the page send anything", async ({ page, person }) => {
  await page.goto("/call?message=planted&repeat=1");
  await expect(page.getByRole("banner")).toContainText(person.name);
  await expect(page).toHaveURL("/call?message=planted");
  await expect(answer(page)).toContainText("Nothing sent yet");
});
