// A login: through the provider and back to where one was.
import { logInByHand, loginUpToCallback, newPerson } from "../support/people.ts";
import { enterPassword, isOnKeycloak, providerPages } from "../support/provider-pages.ts";
import { expect, test } from "../support/test.ts";

for (const { address, heading } of [
  { address: "/", heading: /^Welcome, / },
  { address: "/profile#claims-heading", heading: "Profile" },
  { address: "/call?message=hello&resource=department", heading: "Call the API" },
])
  test(`a person who logs in on ${address} comes back to it`, async ({ page, person, baseURL }) => {
    await page.goto(address);
    await logInByHand(page, person);
    await expect(page).toHaveURL(baseURL + address);
    await expect(page.getByRole("heading", { level: 1, name: heading })).toBeVisible();
    await expect(page.getByRole("banner")).toContainText(person.name);
  });

test("what the address of a deep link carries is on the page after the login", async ({ page, person }) => {
  await page.goto("/call?message=x%26y%20%3D%20z");
  await logInByHand(page, person);
  await expect(page.getByLabel("Message")).toHaveValue("x&y = z");
});

test("what was typed before the login is on the page after it", async ({ page, loggedIn, person }) => {
  await loggedIn.goto("/call");
  await page.getByLabel("Message").fill("typed, not sent");
  await page.context().clearCookies({ name: "__Host-Http-session" });
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByRole("link", { name: "Log in again" }).click();
  // The provider still knows this browser: it sends it back without a question.
  await expect(page.getByRole("banner")).toContainText(person.name);
  await expect(page.getByLabel("Message")).toHaveValue("typed, not sent");
});

test("a draft is not shown to another user who logs in on the same page", async ({
  page,
  loggedIn,
  person,
  context,
  system,
}) => {
  const other = await newPerson(system);
  await loggedIn.goto("/call");
  await expect(page.getByRole("banner")).toContainText(person.name);
  await page.getByLabel("Resource").selectOption({ label: "/api/confidential" });
  await page.getByLabel("Message").fill("for my eyes only");
  // The sessions at the gateway and at the provider are gone, as on a shared computer the next day.
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

test("the provider says that a password is wrong, and the right one still leads to the page", async ({
  page,
  person,
  context,
  system,
}) => {
  await page.goto("/profile");
  await page.getByRole("banner").getByRole("link", { name: "Log in" }).click();
  await enterPassword(page, { ...person, password: "not-the-password" });
  await providerPages.expectWrongPassword(page, person);
  const names = (await context.cookies(system.origin)).map(({ name }) => name);
  expect(names).not.toContain("__Host-Http-session");
  await enterPassword(page, person);
  await expect(page).toHaveURL("/profile");
  await expect(page.getByRole("heading", { name: "Claims" })).toBeVisible();
});

test("a person who cancels at the provider is told so and can try again for the same page", async ({
  page,
  person,
}) => {
  test.skip(isOnKeycloak, "Keycloak's login page has no way to cancel");
  await page.goto("/call?message=kept");
  await page.getByRole("banner").getByRole("link", { name: "Log in" }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByRole("heading", { name: "The login was not completed" })).toBeVisible();
  await page.getByRole("link", { name: "Try again" }).click();
  await enterPassword(page, person);
  await expect(page).toHaveURL("/call?message=kept");
  await expect(page.getByRole("banner")).toContainText(person.name);
});

test("the callback's address, opened again, leads home quietly and spends no second code", async ({
  page,
  person,
  system,
  context,
}) => {
  const callbacks: string[] = [];
  context.on("request", (request) => {
    if (request.url().includes("/bff/callback")) callbacks.push(request.url());
  });
  await page.goto("/profile");
  await logInByHand(page, person);
  const handle = page.getByText("For support.").locator("..");
  const before = await handle.textContent();
  const exchanged = system.provider.count("token:authorization_code");
  expect(callbacks).toHaveLength(1);

  await page.goto(callbacks[0]!);
  await expect(page).toHaveURL("/profile");
  await expect(handle).toHaveText(before!);
  expect(system.provider.count("token:authorization_code")).toBe(exchanged);
});

test("the callback's address is worth nothing in another browser", async ({ context, system, person, newBrowser }) => {
  const address = await loginUpToCallback(context, system, person);
  const thief = await newBrowser();
  const page = await thief.context.newPage();
  await page.goto(address);
  await expect(page.getByRole("heading", { name: "The login was not completed" })).toBeVisible();
  expect(await thief.context.cookies()).toEqual([]);
});

test("the back button after a login passes the provider and ends on the page one came from", async ({
  page,
  person,
}) => {
  await page.goto("/profile");
  await logInByHand(page, person);
  for (let steps = 0; steps < 4 && (steps === 0 || new URL(page.url()).hostname !== "localhost"); steps++)
    await page.goBack();
  await expect(page).toHaveURL("/profile");
  await expect(page.getByRole("heading", { name: "Claims" })).toBeVisible();
  await expect(page.getByRole("banner")).toContainText(person.name);
});
