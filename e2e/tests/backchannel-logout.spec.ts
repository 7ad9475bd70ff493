// The provider ends a session by back-channel logout: the app notices and says so.
import { call } from "../support/calls.ts";
import { logInQuietly, newPerson } from "../support/people.ts";
import { passwordField } from "../support/provider-pages.ts";
import { expect, test } from "../support/test.ts";

test("a session that the provider ends is over at the next call, and the app says why", async ({
  loggedIn,
  person,
  system,
}) => {
  await loggedIn.goto("/call");
  await loggedIn.getByLabel("Message").fill("kept");
  await expect(loggedIn.getByRole("banner")).toContainText(person.name);
  expect(await system.provider.endSession(person.sub)).toBeGreaterThan(0);
  await loggedIn.getByRole("button", { name: "Send" }).click();
  await expect(loggedIn.getByRole("region", { name: "Your session was ended" })).toBeVisible();
  await expect(loggedIn.locator("body")).not.toContainText(person.name);
  await expect(loggedIn.getByLabel("Message")).toHaveValue("kept");
  await loggedIn.getByRole("link", { name: "Log in again" }).click();
  await expect(passwordField(loggedIn)).toBeVisible();
});

test("a page that is opened after the provider ended the session asks for a login", async ({
  loggedIn,
  person,
  system,
}) => {
  await loggedIn.goto("/");
  await expect(loggedIn.getByRole("banner")).toContainText(person.name);
  await system.provider.endSession(person.sub);
  await loggedIn.goto("/profile");
  await expect(loggedIn.getByRole("banner").getByRole("link", { name: "Log in" })).toBeVisible();
  await expect(loggedIn.locator("body")).not.toContainText(person.name);
});

test("only the sessions of the person that the provider names are ended", async ({
  loggedIn,
  person,
  system,
  newBrowser,
}) => {
  const neighbour = await newPerson(system);
  const { context } = await newBrowser();
  await logInQuietly(context, system, neighbour);
  const other = await context.newPage();
  await other.goto("/profile");
  await expect(other.getByRole("banner")).toContainText(neighbour.name);
  await loggedIn.goto("/profile");
  await expect(loggedIn.getByRole("banner")).toContainText(person.name);
  await system.provider.endSession(person.sub);
  expect(await call(loggedIn, "/api/protected?message=x")).toMatchObject({
    status: 401,
    body: { code: "session_revoked" },
  });
  expect(await call(other, "/api/protected?message=x")).toMatchObject({ status: 200 });
});
