// Roles: the app hides what a role does not allow, the API enforces it.
import { call } from "../support/page-requests.ts";
import { logInByHttp, createUser } from "../support/users.ts";
import { expect, test } from "../support/test.ts";

test("a user without the role admin has no link to the admin page and gets a 403 with the reason on it", async ({
  loggedInPage,
  user,
}) => {
  await loggedInPage.goto("/");
  await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
  await expect(loggedInPage.getByRole("link", { name: "Admin" })).toHaveCount(0);
  await loggedInPage.goto("/admin");
  await expect(loggedInPage.getByText("this page needs the role admin")).toBeVisible();
  const responsePanel = loggedInPage.getByRole("region", { name: "The API’s response" });
  await expect(responsePanel).toContainText("Your account does not have the role admin.");
  await expect(responsePanel).toContainText("403");
  // The session is not affected.
  await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
  expect(await call(loggedInPage, "/api/protected?message=x")).toMatchObject({ status: 200 });
});

test("an administrator has a link to the admin page and gets the API's response on it", async ({
  context,
  page,
  system,
}) => {
  const admin = await createUser(system, { roles: ["user", "admin"] });
  await logInByHttp(context, system, admin);
  await page.goto("/");
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Admin" }).click();
  await expect(page).toHaveURL("/admin");
  await expect(page.getByRole("region", { name: "The API’s response" })).toContainText("You are an administrator.");
  await expect(page.getByText("this page needs the role")).toHaveCount(0);
});

test("the admin page asks an anonymous user to log in and states its purpose", async ({ page }) => {
  await page.goto("/admin");
  await expect(page.getByText("It is for administrators.")).toBeVisible();
  await expect(page.getByRole("main").getByRole("link", { name: "Log in" })).toBeVisible();
});

for (const { department, status, text } of [
  { department: "engineering", status: 200, text: "The lift will be out of order on Friday." },
  { department: "sales", status: 403, text: "Only the engineering department may see this." },
])
  test(`the API responds with ${status} to a user of the ${department} department`, async ({
    context,
    page,
    system,
  }) => {
    await logInByHttp(context, system, await createUser(system, { department }));
    await page.goto("/call?resource=department");
    await page.getByRole("button", { name: "Send" }).click();
    const responsePanel = page.getByRole("region", { name: "Response" });
    await expect(responsePanel).toContainText(text);
    await expect(responsePanel).toContainText(String(status));
  });

test("a user who forges the role admin in the browser gets a 403 from the API", async ({
  loggedInPage,
  user,
  context,
  system,
}) => {
  await context.route("**/bff/user", async (route) => {
    // Playwright's fetch sends no Sec-Fetch-Site: the gateway checks Origin instead.
    const response = await route.fetch({ headers: { ...route.request().headers(), origin: system.origin } });
    const body = (await response.json()) as { user: { roles: string[] } };
    await route.fulfill({ response, json: { ...body, user: { ...body.user, roles: ["user", "admin"] } } });
  });
  await loggedInPage.goto("/admin");
  await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
  await expect(loggedInPage.getByText("The API sends this response to administrators only.")).toBeVisible();
  await expect(loggedInPage.getByRole("region", { name: "The API’s response" })).toContainText("403");
  await expect(loggedInPage.locator("body")).not.toContainText("You are an administrator.");
});
