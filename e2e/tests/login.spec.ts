// Login: through the provider and back to the page where it started.
import { createUser, logInThroughUi, obtainCallbackUrl } from "../support/users.ts";
import { enterPassword, isOnKeycloak, providerPages } from "../support/provider-pages.ts";
import { expect, test } from "../support/test.ts";

for (const { address, heading } of [
  { address: "/", heading: /^Welcome, / },
  { address: "/profile#claims-heading", heading: "Profile" },
  { address: "/call?message=hello&resource=department", heading: "Call the API" },
])
  test(`a login on ${address} returns to it`, async ({ page, user, baseURL }) => {
    await page.goto(address);
    await logInThroughUi(page, user);
    await expect(page).toHaveURL(baseURL + address);
    await expect(page.getByRole("heading", { level: 1, name: heading })).toBeVisible();
    await expect(page.getByRole("banner")).toContainText(user.name);
  });

test("the query of a deep link is kept across the login", async ({ page, user }) => {
  await page.goto("/call?message=x%26y%20%3D%20z");
  await logInThroughUi(page, user);
  await expect(page.getByLabel("Message")).toHaveValue("x&y = z");
});

test("text typed before the login is kept across it", async ({ page, loggedInPage, user }) => {
  await loggedInPage.goto("/call");
  await page.getByLabel("Message").fill("typed, not sent");
  await page.context().clearCookies({ name: "__Host-Http-session" });
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByRole("link", { name: "Log in again" }).click();
  // Single sign-on: the provider asks for no password.
  await expect(page.getByRole("banner")).toContainText(user.name);
  await expect(page.getByLabel("Message")).toHaveValue("typed, not sent");
});

test("a draft is not shown to another user who logs in on the same page", async ({
  page,
  loggedInPage,
  user,
  context,
  system,
}) => {
  const other = await createUser(system);
  await loggedInPage.goto("/call");
  await expect(page.getByRole("banner")).toContainText(user.name);
  await page.getByLabel("Resource").selectOption({ label: "/api/confidential" });
  await page.getByLabel("Message").fill("for my eyes only");
  // Ends the sessions at the gateway and at the provider, as after a night on a shared computer.
  await context.clearCookies();
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByRole("link", { name: "Log in again" }).click();
  await enterPassword(page, other);
  await expect(page.getByRole("banner")).toContainText(other.name);
  await expect(page.getByLabel("Message")).toHaveValue("probe");
  await expect(page.getByLabel("Resource")).toHaveValue("protected");
  await expect(page).toHaveURL("/call");
  await expect(page.getByRole("region", { name: "Response" })).toContainText("Nothing sent yet");
});

test("a wrong password creates no session, and the correct one then returns to the page", async ({
  page,
  user,
  context,
  system,
}) => {
  await page.goto("/profile");
  await page.getByRole("banner").getByRole("link", { name: "Log in" }).click();
  await enterPassword(page, { ...user, password: "not-the-password" });
  await providerPages.expectWrongPassword(page, user);
  const names = (await context.cookies(system.origin)).map(({ name }) => name);
  expect(names).not.toContain("__Host-Http-session");
  await enterPassword(page, user);
  await expect(page).toHaveURL("/profile");
  await expect(page.getByRole("heading", { name: "Claims" })).toBeVisible();
});

test("a login cancelled at the provider shows an error page, and a retry returns to the same page", async ({
  page,
  user,
}) => {
  test.skip(isOnKeycloak, "Keycloak's login page has no cancel button");
  await page.goto("/call?message=kept");
  await page.getByRole("banner").getByRole("link", { name: "Log in" }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByRole("heading", { name: "The login was not completed" })).toBeVisible();
  await page.getByRole("link", { name: "Try again" }).click();
  await enterPassword(page, user);
  await expect(page).toHaveURL("/call?message=kept");
  await expect(page.getByRole("banner")).toContainText(user.name);
});

test("a repeated callback of a logged-in browser redirects to the app and redeems no second code", async ({
  page,
  user,
  system,
  context,
}) => {
  const callbacks: string[] = [];
  context.on("request", (request) => {
    if (request.url().includes("/bff/callback")) callbacks.push(request.url());
  });
  await page.goto("/profile");
  await logInThroughUi(page, user);
  const handle = page.getByText("For support.").locator("..");
  const before = await handle.textContent();
  const exchanged = system.provider.count("token:authorization_code");
  expect(callbacks).toHaveLength(1);

  await page.goto(callbacks[0]!);
  await expect(page).toHaveURL("/profile");
  await expect(handle).toHaveText(before!);
  expect(system.provider.count("token:authorization_code")).toBe(exchanged);
});

test("a callback URL is rejected in another browser", async ({ context, system, user, newBrowser }) => {
  const address = await obtainCallbackUrl(context, system, user);
  const otherBrowser = await newBrowser();
  const page = await otherBrowser.context.newPage();
  await page.goto(address);
  await expect(page.getByRole("heading", { name: "The login was not completed" })).toBeVisible();
  expect(await otherBrowser.context.cookies()).toEqual([]);
});

test("the back button after a login returns to the page where the login started", async ({ page, user }) => {
  await page.goto("/profile");
  await logInThroughUi(page, user);
  for (let steps = 0; steps < 4 && (steps === 0 || new URL(page.url()).hostname !== "localhost"); steps++)
    await page.goBack();
  await expect(page).toHaveURL("/profile");
  await expect(page.getByRole("heading", { name: "Claims" })).toBeVisible();
  await expect(page.getByRole("banner")).toContainText(user.name);
});
