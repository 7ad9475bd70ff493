// Logout is final, here and at the provider, on every page and in every tab.
import { call, replay } from "../support/calls.ts";
import { logInByHand, logInQuietly } from "../support/people.ts";
import { SESSION_COOKIE } from "../support/secrets.ts";
import { enterPassword } from "../support/provider-pages.ts";
import { expect, test } from "../support/test.ts";

for (const path of ["/", "/profile", "/call", "/admin", "/under-the-hood", "/logged-out", "/no-such-page"])
  test(`a person logs out on ${path}`, async ({ loggedIn, context, system, person }) => {
    await loggedIn.goto(path);
    await expect(loggedIn.getByRole("banner")).toContainText(person.name);
    await loggedIn.getByRole("button", { name: "Log out", exact: true }).click();
    await expect(loggedIn).toHaveURL("/logged-out");
    await expect(loggedIn.getByRole("heading", { name: "You are logged out" })).toBeVisible();
    await expect(loggedIn.locator("body")).not.toContainText(person.name);
    // The cookie of the logout in progress lasts until the browser returns from the provider; on /logged-out neither
    // address nor heading shows that.
    await expect.poll(() => context.cookies(system.origin)).toEqual([]);
  });

test("a logout ends the provider's session as well: the next login asks for the password", async ({
  page,
  person,
  system,
}) => {
  await page.goto("/profile");
  await logInByHand(page, person);
  const revocations = system.provider.count("revocation");
  await page.getByRole("button", { name: "Log out", exact: true }).click();
  await expect(page.getByRole("heading", { name: "You are logged out" })).toBeVisible();
  // The provider ends the tokens with its session; see docs/decisions/0026-revocation-only-where-needed.md.
  expect(system.provider.count("revocation")).toBe(revocations);
  await page.getByRole("banner").getByRole("link", { name: "Log in" }).click();
  await enterPassword(page, person);
  await expect(page).toHaveURL("/");
  await expect(page.getByRole("banner")).toContainText(person.name);
});

test("the gateway refuses a session id once it has acknowledged the logout, whatever becomes of the rest", async ({
  loggedIn,
  context,
  person,
  request,
  system,
}) => {
  // The provider would tell the gateway to end the session: here the browser never gets there.
  await context.route(`${system.provider.issuer}/**`, (route) => route.abort());
  await loggedIn.goto("/");
  await expect(loggedIn.getByRole("banner")).toContainText(person.name);
  const { value } = (await context.cookies(system.origin)).find(({ name }) => name === SESSION_COOKIE)!;
  const withOldCookie = (path: string) => replay(request, system.origin + path, `${SESSION_COOKIE}=${value}`);
  const slow = withOldCookie("/api/slow?ms=1500");
  expect((await withOldCookie("/api/protected?message=x")).status()).toBe(200);
  await Promise.all([
    loggedIn.waitForResponse("**/bff/logout"),
    loggedIn.getByRole("button", { name: "Log out", exact: true }).click(),
  ]);

  const refused = await withOldCookie("/api/protected?message=x");
  expect(refused.status()).toBe(401);
  expect(await refused.json()).toMatchObject({ code: "session_revoked" });
  expect(await (await withOldCookie("/bff/user")).json()).toEqual({ user: null, session: null });
  // A call that was on its way brings nothing back (koa-session would store the session again).
  expect((await slow).headers()["set-cookie"]).toBeUndefined();
  expect((await withOldCookie("/api/protected?message=x")).status()).toBe(401);
});

test("the back button after a logout shows nothing personal", async ({ loggedIn, person }) => {
  await loggedIn.goto("/profile");
  await expect(loggedIn.getByRole("table", { name: "Claims" })).toContainText(person.sub);
  await loggedIn.getByRole("link", { name: "Call the API" }).click();
  await loggedIn.getByRole("button", { name: "Send" }).click();
  await expect(loggedIn.getByRole("region", { name: "Response" })).toContainText("probeReceived");
  await loggedIn.getByRole("button", { name: "Log out", exact: true }).click();
  await expect(loggedIn).toHaveURL("/logged-out");
  for (const heading of ["Call the API", "Profile"]) {
    await loggedIn.goBack();
    // The provider's logout page may lie in between; it sends the browser on to where it came from.
    await expect(loggedIn.getByRole("heading", { level: 1, name: heading })).toBeVisible();
    await expect(loggedIn.getByRole("main").getByRole("link", { name: "Log in" })).toBeVisible();
    await expect(loggedIn.locator("body")).not.toContainText(person.sub);
    await expect(loggedIn.locator("body")).not.toContainText(person.name);
  }
});

test("a page that the browser kept for the back button asks again before it shows anybody", async ({
  loggedIn,
  person,
  system,
}) => {
  await loggedIn.goto("/profile");
  await expect(loggedIn.getByRole("table", { name: "Claims" })).toContainText(person.sub);
  await system.provider.endSession(person.sub);
  // Playwright turns Chromium's back-forward cache off: what the browser says when it brings a page back from there.
  const shown = await loggedIn.evaluate(() => {
    window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
    return new Promise<string>((resolve) => requestAnimationFrame(() => resolve(document.body.innerText)));
  });
  expect(shown).not.toContain(person.sub);
  await expect(loggedIn.getByRole("main").getByRole("link", { name: /^Log in/ })).toBeVisible();
  await expect(loggedIn.locator("body")).not.toContainText(person.name);
});

test("the other tabs of the browser notice the logout at once", async ({ loggedIn, context, person }) => {
  await loggedIn.goto("/profile");
  const other = await context.newPage();
  await other.goto("/call");
  await other.getByLabel("Message").fill("half a sentence");
  await expect(other.getByRole("banner")).toContainText(person.name);
  await loggedIn.bringToFront();
  await loggedIn.getByRole("button", { name: "Log out", exact: true }).click();
  await expect(loggedIn).toHaveURL("/logged-out");
  await expect(other.getByRole("region", { name: "You logged out in another tab" })).toBeVisible();
  await expect(other.locator("body")).not.toContainText(person.name);
  await expect(other.getByLabel("Message")).toHaveValue("half a sentence");
});

test("a logout in one browser leaves the person's other browser logged in", async ({
  loggedIn,
  newBrowser,
  person,
  system,
}) => {
  const { context } = await newBrowser();
  await logInQuietly(context, system, person);
  const other = await context.newPage();
  await other.goto("/profile");
  await expect(other.getByRole("banner")).toContainText(person.name);
  await loggedIn.goto("/");
  await loggedIn.getByRole("button", { name: "Log out", exact: true }).click();
  await expect(loggedIn).toHaveURL("/logged-out");
  expect(await call(other, "/api/protected?message=x")).toMatchObject({ status: 200 });
});
