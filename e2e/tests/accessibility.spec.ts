// Every page and every state for everybody: axe finds nothing, in light and dark, on a phone and on a desk.
import { expectAccessible } from "../support/axe.ts";
import { logInQuietly, newPerson } from "../support/people.ts";
import { SESSION_COOKIE } from "../support/secrets.ts";
import { enterPassword, isOnKeycloak, passwordField, providerPages } from "../support/provider-pages.ts";
import { expect, test } from "../support/test.ts";

const SAME_EVERYWHERE = "the app's own pages are the same on every provider, and axe looks at them for minutes";
const PAGES = ["/", "/profile", "/call", "/admin", "/under-the-hood", "/logged-out", "/no-such-page"];

// axe examines every page in four views.
test.setTimeout(150_000);

for (const path of PAGES)
  test(`axe finds nothing on ${path}, for nobody and for somebody`, async ({ page, context, system }) => {
    test.skip(isOnKeycloak, SAME_EVERYWHERE);
    await page.goto(path);
    await expect(page.getByRole("banner").getByRole("link", { name: "Log in" })).toBeVisible();
    if (path === "/under-the-hood") await expect(page.getByText(/No token found in/)).toBeVisible();
    await expectAccessible(page, `${path} for nobody`);
    const person = await newPerson(system, { roles: path === "/admin" ? ["user"] : ["user", "admin"] });
    await logInQuietly(context, system, person);
    await page.reload();
    await expect(page.getByRole("banner")).toContainText(person.name);
    if (path === "/admin") await expect(page.getByText("insufficient_scope")).toBeVisible();
    if (path === "/under-the-hood") await expect(page.getByText(/No token found in/)).toBeVisible();
    await expectAccessible(page, `${path} for somebody`);
  });

test("axe finds nothing on the answers of the API page", async ({ page, loggedIn, system }) => {
  test.skip(isOnKeycloak, SAME_EVERYWHERE);
  await loggedIn.goto("/call");
  const answer = page.getByRole("region", { name: "Response" });
  const send = () => page.getByRole("button", { name: "Send" }).click();
  await send();
  await expect(answer).toContainText("probeReceived");
  await expectAccessible(page, "an answer");
  await page.getByLabel("Message").fill("");
  await send();
  await expect(answer).toContainText("Give message once");
  await expectAccessible(page, "a refusal");
  await system.api.down();
  await send();
  await expect(answer).toContainText("The API cannot be reached");
  await expectAccessible(page, "an API that is down");
  await system.api.up();
  await page.getByLabel("Resource").selectOption({ label: "/api/slow (8 s)" });
  await send();
  await expect(answer.getByRole("button", { name: "Cancel" })).toBeVisible();
  await expectAccessible(page, "a slow call");
});

test("axe finds nothing on the notices", async ({ page, loggedIn, person, context, system }) => {
  test.skip(isOnKeycloak, SAME_EVERYWHERE);
  await loggedIn.goto("/call");
  await expect(page.getByRole("banner")).toContainText(person.name);
  await context.setOffline(true);
  await expect(page.getByRole("region", { name: "You are offline" })).toBeVisible();
  await expectAccessible(page, "offline");
  await context.setOffline(false);
  system.redis.freeze();
  try {
    await page.getByRole("button", { name: "Log out", exact: true }).click();
    await expect(page.getByRole("region", { name: "You are NOT logged out" })).toBeVisible();
    await expectAccessible(page, "a logout that failed");
    await page.reload();
    await expect(page.getByRole("region", { name: "We cannot check your session right now" })).toBeVisible();
    await expectAccessible(page, "Redis is frozen");
  } finally {
    system.redis.thaw();
  }
  await expect(page.getByRole("banner")).toContainText(person.name, { timeout: 20_000 });
  await context.clearCookies({ name: SESSION_COOKIE });
  await page.getByRole("button", { name: "Send" }).click();
  await expect(page.getByRole("link", { name: "Log in again" })).toBeVisible();
  await expectAccessible(page, "a session that is over");
  await page.goto("/logged-out?provider=unreachable");
  await expect(page.getByText("You may still be logged in there")).toBeVisible();
  await expectAccessible(page, "a logout that the provider was not told of");
});

test("axe finds nothing on the pages of the gateway and of the provider", async ({ page }) => {
  await page.goto("/bff/callback?state=unknown&code=x");
  await expect(page.getByRole("heading", { name: "The login was not completed" })).toBeVisible();
  await expectAccessible(page, "the gateway's error page");
  await page.getByRole("link", { name: "Try again" }).click();
  await expect(passwordField(page)).toBeVisible();
  await expectAccessible(page, "the provider's login page");
  const nobody = { username: "nobody", password: "wrong" };
  await enterPassword(page, nobody);
  await providerPages.expectWrongPassword(page, nobody);
  await expectAccessible(page, "the provider's login page after a wrong password");
});
