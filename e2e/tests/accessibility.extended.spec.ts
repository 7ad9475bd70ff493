// Accessibility: axe on every page and state, in light and dark, on a phone and on a desktop.
import { expectAccessible } from "@cloakroom/testkit/axe.ts";
import { logInByHttp, createUser } from "../support/users.ts";
import { SESSION_COOKIE } from "@cloakroom/testing/leaks/secrets.ts";
import { enterPassword, isOnKeycloak, passwordField, providerPages } from "../support/provider-pages.ts";
import { expect, test } from "../support/test.ts";

const PROVIDER_INDEPENDENT = "independent of the provider, and takes minutes";
const PAGES_IN_NPM_TEST = ["/", "/call"];
const PAGES = ["/", "/profile", "/call", "/admin", "/under-the-hood", "/logged-out", "/no-such-page"];

// axe checks every state in four views.
test.setTimeout(150_000);

for (const path of PAGES) {
  const tag = PAGES_IN_NPM_TEST.includes(path) ? [] : "@extended";
  test(`axe reports no violation on ${path}, anonymous and logged in`, { tag }, async ({ page, context, system }) => {
    test.skip(isOnKeycloak, PROVIDER_INDEPENDENT);
    await page.goto(path);
    await expect(page.getByRole("banner").getByRole("link", { name: "Log in" })).toBeVisible();
    if (path === "/under-the-hood") await expect(page.getByText(/No token found in/)).toBeVisible();
    await expectAccessible(page, `${path}, anonymous`);
    const user = await createUser(system, { roles: path === "/admin" ? ["user"] : ["user", "admin"] });
    await logInByHttp(context, system, user);
    await page.reload();
    await expect(page.getByRole("banner")).toContainText(user.name);
    if (path === "/admin") await expect(page.getByText("insufficient_scope")).toBeVisible();
    if (path === "/under-the-hood") await expect(page.getByText(/No token found in/)).toBeVisible();
    await expectAccessible(page, `${path}, logged in`);
  });
}

test(
  "axe reports no violation on the API page's responses and failures",
  { tag: "@extended" },
  async ({ page, loggedInPage, system }) => {
    test.skip(isOnKeycloak, PROVIDER_INDEPENDENT);
    await loggedInPage.goto("/call");
    const responsePanel = page.getByRole("region", { name: "Response" });
    const send = () => page.getByRole("button", { name: "Send" }).click();
    await send();
    await expect(responsePanel).toContainText("probeReceived");
    await expectAccessible(page, "a response");
    await page.getByLabel("Message").fill("");
    await send();
    await expect(responsePanel).toContainText("Give message once");
    await expectAccessible(page, "an error response");
    await system.api.down();
    await send();
    await expect(responsePanel).toContainText("The API cannot be reached");
    await expectAccessible(page, "an unreachable API");
    await system.api.up();
    await page.getByLabel("Resource").selectOption({ label: "/api/slow (8 s)" });
    await send();
    await expect(responsePanel.getByRole("button", { name: "Cancel" })).toBeVisible();
    await expectAccessible(page, "a call in progress");
  },
);

test(
  "axe reports no violation on the notices",
  { tag: "@extended" },
  async ({ page, loggedInPage, user, context, system }) => {
    test.skip(isOnKeycloak, PROVIDER_INDEPENDENT);
    await loggedInPage.goto("/call");
    await expect(page.getByRole("banner")).toContainText(user.name);
    await context.setOffline(true);
    await expect(page.getByRole("region", { name: "You are offline" })).toBeVisible();
    await expectAccessible(page, "offline");
    await context.setOffline(false);
    system.redis.pause();
    try {
      await page.getByRole("button", { name: "Log out", exact: true }).click();
      await expect(page.getByRole("region", { name: "You are NOT logged out" })).toBeVisible();
      await expectAccessible(page, "a failed logout");
      await page.reload();
      await expect(page.getByRole("region", { name: "We cannot check your session right now" })).toBeVisible();
      await expectAccessible(page, "an unknown session");
    } finally {
      system.redis.resume();
    }
    await expect(page.getByRole("banner")).toContainText(user.name, { timeout: 20_000 });
    await context.clearCookies({ name: SESSION_COOKIE });
    await page.getByRole("button", { name: "Send" }).click();
    await expect(page.getByRole("link", { name: "Log in again" })).toBeVisible();
    await expectAccessible(page, "an ended session");
    await page.goto("/logged-out?provider=unreachable");
    await expect(page.getByText("You may still be logged in there")).toBeVisible();
    await expectAccessible(page, "a logout with the provider unreachable");
  },
);

test("axe reports no violation on the gateway's error page and the provider's login page", async ({ page }) => {
  await page.goto("/bff/callback?state=unknown&code=x");
  await expect(page.getByRole("heading", { name: "The login was not completed" })).toBeVisible();
  await expectAccessible(page, "the gateway's error page");
  await page.getByRole("link", { name: "Try again" }).click();
  await expect(passwordField(page)).toBeVisible();
  await expectAccessible(page, "the provider's login page");
  const unknownUser = { username: "unknown", password: "wrong" };
  await enterPassword(page, unknownUser);
  await providerPages.expectWrongPassword(page, unknownUser);
  await expectAccessible(page, "the provider's login page after a wrong password");
});
