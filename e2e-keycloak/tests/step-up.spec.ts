// Stronger authentication on demand: level 2 is a one-time code on top of the password.
import { currentUser, enrol, fillLoginForm, logIn } from "../support/pages.ts";
import { expect, test } from "../support/test.ts";
import { nextOneTimeCode } from "../support/totp.ts";

test("the first login at level 2 sets up a one-time code, and a later one asks for it", async ({
  page,
  browser,
  world,
  newUser,
}) => {
  const user = await newUser();
  const { origin } = world.gateway;
  await page.goto(`${origin}/bff/login?acr_values=2&returnTo=/profile`);
  await fillLoginForm(page, user);
  const secret = await enrol(page);
  await page.waitForURL(`${origin}/profile`);
  expect((await currentUser(page)).session?.acr).toBe("2");

  const other = await (await browser.newContext()).newPage();
  await other.goto(`${origin}/bff/login?acr_values=2&returnTo=/profile`);
  await fillLoginForm(other, user);
  await other.locator("#otp").fill("000000");
  await other.getByRole("button", { name: "Log in", exact: true }).click();
  await expect(other.getByText(/invalid authenticator code/i)).toBeVisible();
  await other.locator("#otp").fill(nextOneTimeCode(secret));
  await other.getByRole("button", { name: "Log in", exact: true }).click();
  await other.waitForURL(`${origin}/profile`);
  expect((await currentUser(other)).session?.acr).toBe("2");
  await other.context().close();
});

test("a step-up in the middle of a session asks for the code only, not for the password", async ({
  page,
  world,
  newUser,
}) => {
  const user = await newUser();
  const { origin } = world.gateway;
  await logIn(page, origin, user);
  expect((await currentUser(page)).session?.acr).toBe("1");
  await page.goto(`${origin}/bff/login?acr_values=2&returnTo=/profile`);
  await enrol(page);
  await page.waitForURL(`${origin}/profile`);
  expect((await currentUser(page)).session?.acr).toBe("2");
});

test("the API's demand for level 2 costs a code in the middle of work, and the call is made again as it was typed", async ({
  page,
  browser,
  world,
  newUser,
}) => {
  const user = await newUser();
  const { origin } = world.gateway;
  const other = await (await browser.newContext()).newPage();
  await other.goto(`${origin}/bff/login?acr_values=2`);
  await fillLoginForm(other, user);
  const secret = await enrol(other);
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
  const answer = page.getByRole("region", { name: "Response" });
  await expect(answer).toContainText("half a sentence & moreReceived");
  await expect(answer).toContainText('"acr": "2"');
  await expect(page.getByLabel("Message")).toHaveValue("half a sentence & more");
});

test("a level that Keycloak does not know is refused in plain words, once, and the session stays as it was", async ({
  page,
  world,
  newUser,
}) => {
  const { origin } = world.gateway;
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
  expect((await currentUser(page)).session?.acr).toBe("1");
});

test("an ordinary login of somebody with a code generator asks for the password only", async ({
  page,
  browser,
  world,
  newUser,
}) => {
  const user = await newUser();
  const { origin } = world.gateway;
  await page.goto(`${origin}/bff/login?acr_values=2`);
  await fillLoginForm(page, user);
  await enrol(page);
  await page.waitForURL(`${origin}/**`);

  const other = await (await browser.newContext()).newPage();
  await logIn(other, origin, user);
  expect((await currentUser(other)).session?.acr).toBe("1");
  await other.context().close();
});
