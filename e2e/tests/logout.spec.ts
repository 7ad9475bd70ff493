// Logout: final at the gateway and at the provider, from every page and for every tab.
import { call, requestWithCookie } from "../support/page-requests.ts";
import { logInThroughUi, logInByHttp } from "../support/users.ts";
import { SESSION_COOKIE } from "@cloakroom/testing/leaks/secrets.ts";
import { enterPassword } from "../support/provider-pages.ts";
import { expect, test } from "../support/test.ts";

for (const path of ["/", "/profile", "/call", "/admin", "/under-the-hood", "/logged-out", "/no-such-page"])
  test(`a logout on ${path} ends on /logged-out and removes all cookies`, async ({
    loggedInPage,
    context,
    system,
    user,
  }) => {
    await loggedInPage.goto(path);
    await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
    await loggedInPage.getByRole("button", { name: "Log out", exact: true }).click();
    await expect(loggedInPage).toHaveURL("/logged-out");
    await expect(loggedInPage.getByRole("heading", { name: "You are logged out" })).toBeVisible();
    await expect(loggedInPage.locator("body")).not.toContainText(user.name);
    // Polled: the logout cookie lasts until the browser returns from the provider, and on /logged-out neither address
    // nor heading changes then.
    await expect.poll(() => context.cookies(system.origin)).toEqual([]);
  });

test("a logout also ends the provider's session, so that the next login asks for the password", async ({
  page,
  user,
  system,
}) => {
  await page.goto("/profile");
  await logInThroughUi(page, user);
  const revocations = system.provider.count("revocation");
  await page.getByRole("button", { name: "Log out", exact: true }).click();
  await expect(page.getByRole("heading", { name: "You are logged out" })).toBeVisible();
  // The provider revokes the tokens with its session: docs/decisions/0026-revocation-only-where-needed.md.
  expect(system.provider.count("revocation")).toBe(revocations);
  await page.getByRole("banner").getByRole("link", { name: "Log in" }).click();
  await enterPassword(page, user);
  await expect(page).toHaveURL("/");
  await expect(page.getByRole("banner")).toContainText(user.name);
});

test("a session id is rejected after an acknowledged logout, even if the browser never reaches the provider", async ({
  loggedInPage,
  context,
  user,
  request,
  system,
}) => {
  // Without the end-session request the provider sends no back-channel logout.
  await context.route(`${system.provider.issuer}/**`, (route) => route.abort());
  await loggedInPage.goto("/");
  await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
  const { value } = (await context.cookies(system.origin)).find(({ name }) => name === SESSION_COOKIE)!;
  const withOldCookie = (path: string) =>
    requestWithCookie(request, system.origin + path, `${SESSION_COOKIE}=${value}`);
  const slow = withOldCookie("/api/slow?ms=1500");
  expect((await withOldCookie("/api/protected?message=x")).status()).toBe(200);
  await Promise.all([
    loggedInPage.waitForResponse("**/bff/logout"),
    loggedInPage.getByRole("button", { name: "Log out", exact: true }).click(),
  ]);

  const rejected = await withOldCookie("/api/protected?message=x");
  expect(rejected.status()).toBe(401);
  expect(await rejected.json()).toMatchObject({ code: "session_revoked" });
  expect(await (await withOldCookie("/bff/user")).json()).toEqual({ user: null, session: null });
  // A request in flight during the logout does not restore the session.
  expect((await slow).headers()["set-cookie"]).toBeUndefined();
  expect((await withOldCookie("/api/protected?message=x")).status()).toBe(401);
});

test("the back button after a logout shows no user data", async ({ loggedInPage, user }) => {
  await loggedInPage.goto("/profile");
  await expect(loggedInPage.getByRole("table", { name: "Claims" })).toContainText(user.sub);
  await loggedInPage.getByRole("link", { name: "Call the API" }).click();
  await loggedInPage.getByRole("button", { name: "Send" }).click();
  await expect(loggedInPage.getByRole("region", { name: "Response" })).toContainText("probeReceived");
  await loggedInPage.getByRole("button", { name: "Log out", exact: true }).click();
  await expect(loggedInPage).toHaveURL("/logged-out");
  for (const heading of ["Call the API", "Profile"]) {
    // The history may contain an entry of the logout, which redirects to /logged-out again: one more step back.
    await expect(async () => {
      await loggedInPage.goBack();
      await expect(loggedInPage.getByRole("heading", { level: 1, name: heading })).toBeVisible({ timeout: 5_000 });
    }).toPass({ timeout: 20_000 });
    await expect(loggedInPage.getByRole("main").getByRole("link", { name: "Log in" })).toBeVisible();
    await expect(loggedInPage.locator("body")).not.toContainText(user.sub);
    await expect(loggedInPage.locator("body")).not.toContainText(user.name);
  }
});

test("a page restored from the back-forward cache checks the session before it shows a user", async ({
  loggedInPage,
  user,
  system,
}) => {
  await loggedInPage.goto("/profile");
  await expect(loggedInPage.getByRole("table", { name: "Claims" })).toContainText(user.sub);
  await system.provider.endSession(user.sub);
  // Playwright disables Chromium's back-forward cache: the test dispatches the event that a restored page receives.
  const shown = await loggedInPage.evaluate(() => {
    window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
    return new Promise<string>((resolve) => requestAnimationFrame(() => resolve(document.body.innerText)));
  });
  expect(shown).not.toContain(user.sub);
  await expect(loggedInPage.getByRole("main").getByRole("link", { name: /^Log in/ })).toBeVisible();
  await expect(loggedInPage.locator("body")).not.toContainText(user.name);
});

test("a logout in one tab removes the user from the browser's other tabs and keeps what was typed there", async ({
  loggedInPage,
  context,
  user,
}) => {
  await loggedInPage.goto("/profile");
  const other = await context.newPage();
  await other.goto("/call");
  await other.getByLabel("Message").fill("half a sentence");
  await expect(other.getByRole("banner")).toContainText(user.name);
  await loggedInPage.bringToFront();
  await loggedInPage.getByRole("button", { name: "Log out", exact: true }).click();
  await expect(loggedInPage).toHaveURL("/logged-out");
  await expect(other.getByRole("region", { name: "You logged out in another tab" })).toBeVisible();
  await expect(other.locator("body")).not.toContainText(user.name);
  await expect(other.getByLabel("Message")).toHaveValue("half a sentence");
});

test("a logout in one browser keeps the session of the user's other browser", async ({
  loggedInPage,
  newBrowser,
  user,
  system,
}) => {
  const { context } = await newBrowser();
  await logInByHttp(context, system, user);
  const other = await context.newPage();
  await other.goto("/profile");
  await expect(other.getByRole("banner")).toContainText(user.name);
  await loggedInPage.goto("/");
  await loggedInPage.getByRole("button", { name: "Log out", exact: true }).click();
  await expect(loggedInPage).toHaveURL("/logged-out");
  expect(await call(other, "/api/protected?message=x")).toMatchObject({ status: 200 });
});
