// Step-up authentication: level 2 requires a one-time code in addition to the password.
import { fetchUser, enrolOneTimeCode, fillLoginForm, logIn } from "@cloakroom/testkit/keycloak/pages.ts";
import { expect, test } from "../support/test.ts";
import { nextOneTimeCode } from "@cloakroom/testkit/keycloak/totp.ts";

test("the first login at level 2 enrols a one-time code, and a later one asks for it", async ({
  page,
  browser,
  system,
  newUser,
}) => {
  const user = await newUser();
  const { origin } = system.gateway;
  await page.goto(`${origin}/bff/login?acr_values=2&returnTo=/profile`);
  await fillLoginForm(page, user);
  const secret = await enrolOneTimeCode(page);
  await page.waitForURL(`${origin}/profile`);
  expect((await fetchUser(page)).session?.acr).toBe("2");

  const other = await (await browser.newContext()).newPage();
  await other.goto(`${origin}/bff/login?acr_values=2&returnTo=/profile`);
  await fillLoginForm(other, user);
  await other.locator("#otp").fill("000000");
  await other.getByRole("button", { name: "Log in", exact: true }).click();
  await expect(other.getByText(/invalid authenticator code/i)).toBeVisible();
  await other.locator("#otp").fill(nextOneTimeCode(secret));
  await other.getByRole("button", { name: "Log in", exact: true }).click();
  await other.waitForURL(`${origin}/profile`);
  expect((await fetchUser(other)).session?.acr).toBe("2");
  await other.context().close();
});

test("a step-up within a session asks for the code but not for the password", async ({ page, system, newUser }) => {
  const user = await newUser();
  const { origin } = system.gateway;
  await logIn(page, origin, user);
  expect((await fetchUser(page)).session?.acr).toBe("1");
  await page.goto(`${origin}/bff/login?acr_values=2&returnTo=/profile`);
  await enrolOneTimeCode(page);
  await page.waitForURL(`${origin}/profile`);
  expect((await fetchUser(page)).session?.acr).toBe("2");
});

test("a call that requires level 2 is repeated after the one-time code, with the typed text", async ({
  page,
  browser,
  system,
  newUser,
}) => {
  const user = await newUser();
  const { origin } = system.gateway;
  const other = await (await browser.newContext()).newPage();
  await other.goto(`${origin}/bff/login?acr_values=2`);
  await fillLoginForm(other, user);
  const secret = await enrolOneTimeCode(other);
  await other.waitForURL(`${origin}/**`);
  await other.context().close();

  await logIn(page, origin, user);
  await page.goto(`${origin}/call?resource=confidential`);
  await page.getByLabel("Message").fill("half a sentence & more");
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByRole("link", { name: "Confirm that it is you" }).click();
  await expect(page.locator("#otp")).toBeVisible();
  await expect(page.getByLabel("Password", { exact: true })).toHaveCount(0);
  await page.locator("#otp").fill(nextOneTimeCode(secret));
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  const responsePanel = page.getByRole("region", { name: "Response" });
  await expect(responsePanel).toContainText("half a sentence & moreReceived");
  await expect(responsePanel).toContainText('"acr": "2"');
  await expect(page.getByLabel("Message")).toHaveValue("half a sentence & more");
});

test("a step-up to an unknown level shows an error page after one callback and keeps the session's level", async ({
  page,
  system,
  newUser,
}) => {
  const { origin } = system.gateway;
  const user = await newUser();
  await logIn(page, origin, user);
  const callbacks: string[] = [];
  page.on("request", (request) => {
    if (request.url().startsWith(`${origin}/bff/callback`)) callbacks.push(request.url());
  });
  const response = await page.goto(`${origin}/bff/login?acr_values=gold&returnTo=/call`);
  expect(response?.status()).toBe(403);
  await expect(page.getByRole("heading", { name: "You were not confirmed" })).toBeVisible();
  expect(callbacks).toHaveLength(1);
  await page.getByRole("link", { name: "Go to the start page" }).click();
  await expect(page.getByRole("banner")).toContainText(user.username);
  expect((await fetchUser(page)).session?.acr).toBe("1");
});

test("a login at level 1 asks an enrolled user for the password only", async ({ page, browser, system, newUser }) => {
  const user = await newUser();
  const { origin } = system.gateway;
  await page.goto(`${origin}/bff/login?acr_values=2`);
  await fillLoginForm(page, user);
  await enrolOneTimeCode(page);
  await page.waitForURL(`${origin}/**`);

  const other = await (await browser.newContext()).newPage();
  await logIn(other, origin, user);
  expect((await fetchUser(other)).session?.acr).toBe("1");
  await other.context().close();
});
