// What a role opens and what it does not: the app is polite, the API decides.
import { call } from "../support/calls.ts";
import { logInQuietly, newPerson } from "../support/people.ts";
import { expect, test } from "../support/test.ts";

test("a person without the role sees no way to the admin page, and on it why it stays shut", async ({
  loggedIn,
  person,
}) => {
  await loggedIn.goto("/");
  await expect(loggedIn.getByRole("banner")).toContainText(person.name);
  await expect(loggedIn.getByRole("link", { name: "Admin" })).toHaveCount(0);
  await loggedIn.goto("/admin");
  await expect(loggedIn.getByText("this page needs the role admin")).toBeVisible();
  const answer = loggedIn.getByRole("region", { name: "The API’s response" });
  await expect(answer).toContainText("Your account does not have the role admin.");
  await expect(answer).toContainText("403");
  // Nothing is wrong with the session.
  await expect(loggedIn.getByRole("banner")).toContainText(person.name);
  expect(await call(loggedIn, "/api/protected?message=x")).toMatchObject({ status: 200 });
});

test("an administrator is shown the way and the API's answer", async ({ context, page, system }) => {
  const admin = await newPerson(system, { roles: ["user", "admin"] });
  await logInQuietly(context, system, admin);
  await page.goto("/");
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Admin" }).click();
  await expect(page).toHaveURL("/admin");
  await expect(page.getByRole("region", { name: "The API’s response" })).toContainText("You are an administrator.");
  await expect(page.getByText("this page needs the role")).toHaveCount(0);
});

test("nobody is asked to log in, and told what for, on a page that needs a login", async ({ page }) => {
  await page.goto("/admin");
  await expect(page.getByText("It is for administrators.")).toBeVisible();
  await expect(page.getByRole("main").getByRole("link", { name: "Log in" })).toBeVisible();
});

for (const { department, status, text } of [
  { department: "engineering", status: 200, text: "The lift will be out of order on Friday." },
  { department: "sales", status: 403, text: "Only the engineering department may see this." },
])
  test(`the API answers somebody of the ${department} department with ${status}`, async ({ context, page, system }) => {
    await logInQuietly(context, system, await newPerson(system, { department }));
    await page.goto("/call?resource=department");
    await page.getByRole("button", { name: "Send" }).click();
    const answer = page.getByRole("region", { name: "Response" });
    await expect(answer).toContainText(text);
    await expect(answer).toContainText(String(status));
  });

test("a person who forges the role in the app gains nothing", async ({ loggedIn, person, context, system }) => {
  await context.route("**/bff/user", async (route) => {
    // Fetched by the test: Chromium's own Sec-Fetch-Site is missing, Origin stands in for it.
    const response = await route.fetch({ headers: { ...route.request().headers(), origin: system.origin } });
    const body = (await response.json()) as { user: { roles: string[] } };
    await route.fulfill({ response, json: { ...body, user: { ...body.user, roles: ["user", "admin"] } } });
  });
  await loggedIn.goto("/admin");
  await expect(loggedIn.getByRole("banner")).toContainText(person.name);
  await expect(loggedIn.getByText("The API sends this response to administrators only.")).toBeVisible();
  await expect(loggedIn.getByRole("region", { name: "The API’s response" })).toContainText("403");
  await expect(loggedIn.locator("body")).not.toContainText("You are an administrator.");
});
