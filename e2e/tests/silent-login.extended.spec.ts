// Silent login at first load (SILENT_LOGIN=on): once per tab, without a loop, and never after a logout.
import type { Page } from "@playwright/test";
import { startEmbeddedSystem } from "../support/embedded-system.ts";
import { isOnKeycloak } from "../support/provider-pages.ts";
import { SESSION_COOKIE } from "@cloakroom/testing/leaks/secrets.ts";
import type { TestSystem } from "../support/system.ts";
import { expect, test as base } from "../support/test.ts";
import { logInThroughUi, type TestUser } from "../support/users.ts";

// A system of its own: only here the gateway has SILENT_LOGIN.
const test = base.extend<object, { system: TestSystem }>({
  system: [
    async ({ browserName: _browser }, use) => {
      const system = await startEmbeddedSystem({ SILENT_LOGIN: "on" });
      await use(system);
      await system.stop();
    },
    { scope: "worker", timeout: 120_000 },
  ],
});

test.skip(isOnKeycloak, "starts the embedded provider");

const banner = (page: Page) => page.getByRole("banner");

/** Opens the app, waits for the attempt of this tab, and logs in. */
async function logInAfterAttempt(page: Page, user: TestUser): Promise<void> {
  const silentLogins = countSilentLogins(page);
  await page.goto("/");
  await expect.poll(silentLogins).toBe(1);
  await page.waitForLoadState("networkidle");
  await logInThroughUi(page, user);
}

/** Counts the silent logins that a page starts. */
function countSilentLogins(page: Page): () => number {
  let count = 0;
  page.on("request", (request) => {
    if (request.url().includes("/bff/login?prompt=none")) count += 1;
  });
  return () => count;
}

test("a new tab logs in silently with the session at the provider, and keeps its address", async ({
  page,
  context,
  user,
}) => {
  await logInAfterAttempt(page, user);
  await context.clearCookies({ name: SESSION_COOKIE });
  const tab = await context.newPage();
  const silentLogins = countSilentLogins(tab);
  await tab.goto("/call?message=deep%20link#here");
  await expect(banner(tab)).toContainText(user.name);
  await expect(tab).toHaveURL("/call?message=deep%20link#here");
  await expect(tab.getByLabel("Message")).toHaveValue("deep link");
  expect(silentLogins()).toBe(1);
});

test("without a session at the provider the page stays, with one attempt per tab", async ({ page, context }) => {
  const silentLogins = countSilentLogins(page);
  await page.goto("/profile");
  await expect.poll(silentLogins).toBe(1);
  await expect(page).toHaveURL("/profile");
  await expect(banner(page).getByRole("link", { name: "Log in" })).toBeVisible();
  await expect(page.getByRole("alert")).toHaveCount(0);
  // The gateway would offer it again.
  await context.clearCookies();
  for (let n = 0; n < 3; n++) {
    await page.reload();
    await expect(banner(page).getByRole("link", { name: "Log in" })).toBeVisible();
    await page.waitForLoadState("networkidle");
  }
  expect(silentLogins()).toBe(1);
});

test("after a logout no tab logs in silently, although the provider's session lives on", async ({
  page,
  context,
  user,
  system,
}) => {
  await logInAfterAttempt(page, user);
  // Only the gateway's part of a logout, as while the provider is unreachable.
  const status = await page.evaluate(async () => {
    const headers = { "X-CSRF": "1", Accept: "application/json" };
    return (await fetch("/bff/logout", { method: "POST", headers })).status;
  });
  expect(status).toBe(200);
  const tab = await context.newPage();
  const silentLogins = countSilentLogins(tab);
  await tab.goto(`${system.origin}/profile`);
  await expect(banner(tab).getByRole("link", { name: "Log in" })).toBeVisible();
  await tab.waitForLoadState("networkidle");
  expect(silentLogins()).toBe(0);
});

test("a browser that stores no cookie sees the page, without a login", async ({ page, system }) => {
  // The gateway's response to a browser that never sends the cookie.
  await page.route("**/bff/user", (route) =>
    route.fulfill({ json: { user: null, session: null, silentLogin: "pending" } }),
  );
  const silentLogins = countSilentLogins(page);
  const checks = page.waitForResponse(`${system.origin}/bff/user`);
  await page.goto("/profile");
  await checks;
  await expect(banner(page).getByRole("link", { name: "Log in" })).toBeVisible();
  await page.waitForLoadState("networkidle");
  expect(silentLogins()).toBe(0);
});

test("a session that an administrator has ended stays ended in a new tab", async ({
  page,
  context,
  user,
  newBrowser,
  system,
}) => {
  await logInAfterAttempt(page, user);
  const { context: other } = await newBrowser();
  const elsewhere = await other.newPage();
  await elsewhere.goto(system.origin);
  await logInThroughUi(elsewhere, user);
  await elsewhere.evaluate(() => fetch("/bff/sessions", { method: "DELETE", headers: { "X-CSRF": "1" } }));
  const tab = await context.newPage();
  const silentLogins = countSilentLogins(tab);
  await tab.goto("/profile");
  await expect(banner(tab).getByRole("link", { name: "Log in" })).toBeVisible();
  await tab.waitForLoadState("networkidle");
  expect(silentLogins()).toBe(0);
});
