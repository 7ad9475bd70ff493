// Back-channel logout: the provider ends a session, and the app shows that it has ended.
import { call } from "../support/page-requests.ts";
import { logInByHttp, createUser } from "../support/users.ts";
import { passwordField } from "../support/provider-pages.ts";
import { expect, test } from "../support/test.ts";

test("a call after a back-channel logout shows that the session was ended, and what was typed is kept", async ({
  loggedInPage,
  user,
  system,
}) => {
  await loggedInPage.goto("/call");
  await loggedInPage.getByLabel("Message").fill("kept");
  await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
  expect(await system.provider.endSession(user.sub)).toBeGreaterThan(0);
  await loggedInPage.getByRole("button", { name: "Send" }).click();
  await expect(loggedInPage.getByRole("region", { name: "Your session was ended" })).toBeVisible();
  await expect(loggedInPage.locator("body")).not.toContainText(user.name);
  await expect(loggedInPage.getByLabel("Message")).toHaveValue("kept");
  await loggedInPage.getByRole("link", { name: "Log in again" }).click();
  await expect(passwordField(loggedInPage)).toBeVisible();
});

test("a page opened after a back-channel logout asks for a login", async ({ loggedInPage, user, system }) => {
  await loggedInPage.goto("/");
  await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
  await system.provider.endSession(user.sub);
  await loggedInPage.goto("/profile");
  await expect(loggedInPage.getByRole("banner").getByRole("link", { name: "Log in" })).toBeVisible();
  await expect(loggedInPage.locator("body")).not.toContainText(user.name);
});

test("a back-channel logout ends only the named user's sessions", async ({
  loggedInPage,
  user,
  system,
  newBrowser,
}) => {
  const otherUser = await createUser(system);
  const { context } = await newBrowser();
  await logInByHttp(context, system, otherUser);
  const other = await context.newPage();
  await other.goto("/profile");
  await expect(other.getByRole("banner")).toContainText(otherUser.name);
  await loggedInPage.goto("/profile");
  await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
  await system.provider.endSession(user.sub);
  expect(await call(loggedInPage, "/api/protected?message=x")).toMatchObject({
    status: 401,
    body: { code: "session_revoked" },
  });
  expect(await call(other, "/api/protected?message=x")).toMatchObject({ status: 200 });
});
