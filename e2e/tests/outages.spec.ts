// Outages of provider, Redis, gateway and network: sessions survive, the page reports the outage and recovers by itself.
import type { BrowserContext, Page } from "@playwright/test";
import { call, requestWithCookie } from "../support/page-requests.ts";
import { SESSION_COOKIE } from "@cloakroom/testing/leaks/secrets.ts";
import { enterPassword } from "../support/provider-pages.ts";
import { DEFAULT_ACCESS_TOKEN_SECONDS } from "../support/system.ts";
import { expect, test } from "../support/test.ts";

const sessionIdIn = async (context: BrowserContext) =>
  (await context.cookies()).find(({ name }) => name === SESSION_COOKIE)?.value;
const sessionUnknownNotice = (page: Page) =>
  page.getByRole("region", { name: "We cannot check your session right now" });
const gatewayUnreachableNotice = (page: Page) => page.getByRole("region", { name: "Cloakroom cannot be reached" });
const offlineNotice = (page: Page) => page.getByRole("region", { name: "You are offline" });
const responsePanel = (page: Page) => page.getByRole("region", { name: "Response" });
const send = (page: Page) => page.getByRole("button", { name: "Send" }).click();

// Page and gateway retry with exponential backoff.
test.setTimeout(120_000);

test.beforeEach(async ({ loggedInPage, user }) => {
  await loggedInPage.goto("/call");
  await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
});

test.describe("provider outage", () => {
  test.afterEach(async ({ system }) => {
    await system.provider.setAccessTokenLifetime(DEFAULT_ACCESS_TOKEN_SECONDS);
    await system.provider.up();
  });

  test("API calls succeed during a provider outage until the access token expires", async ({ page, user, system }) => {
    // The API caches the provider's keys on its first request.
    await send(page);
    await expect(responsePanel(page)).toContainText("probeReceived");
    await system.provider.down();
    await page.getByLabel("Message").fill("still working");
    await send(page);
    await expect(responsePanel(page)).toContainText("still workingReceived");
    await page.getByRole("link", { name: "Profile" }).click();
    await expect(page.getByRole("table", { name: "Claims" })).toContainText(user.sub);
  });

  test("a refresh that fails during a provider outage is a 503, keeps the session and succeeds after the outage", async ({
    page,
    context,
    user,
    system,
  }) => {
    await system.provider.setAccessTokenLifetime(3);
    await context.clearCookies({ name: SESSION_COOKIE });
    await logInBySso(context, system.origin);
    await page.reload();
    await expect(page.getByRole("banner")).toContainText(user.name);
    const before = await sessionIdIn(context);
    // The API caches the provider's keys: without them it would send a 503 of its own.
    expect(await call(page, "/api/protected?message=x")).toMatchObject({ status: 200 });
    await system.provider.down();
    await expect
      .poll(() => call(page, "/api/protected?message=x"), { timeout: 20_000 })
      .toMatchObject({ status: 503, body: { code: "provider_unavailable", requestId: expect.any(String) } });
    await send(page);
    await expect(responsePanel(page)).toContainText("The login service cannot be reached right now");
    await expect(responsePanel(page)).toContainText("Trying again");
    await expect(page.getByRole("banner")).toContainText(user.name);
    expect(await sessionIdIn(context)).toBe(before);

    await system.provider.up();
    // The page retries without user input.
    await expect(responsePanel(page)).toContainText("probeReceived", { timeout: 45_000 });
    expect(await sessionIdIn(context)).toBe(before);
    expect(system.provider.count("refresh-token-reuse")).toBe(0);
  });

  test("a login during a provider outage shows an error page with status 503, whose retry link works after the outage", async ({
    newBrowser,
    user,
    request,
    system,
  }) => {
    await system.provider.down();
    const { context } = await newBrowser();
    const page = await context.newPage();
    await page.goto("/profile");
    const [response] = await Promise.all([
      page.waitForResponse("**/bff/login?*"),
      page.getByRole("main").getByRole("link", { name: "Log in" }).click(),
    ]);
    expect(response.status()).toBe(503);
    expect(response.headers()["retry-after"]).toMatch(/^\d+$/);
    await expect(page.getByRole("heading", { name: "We cannot log you in right now" })).toBeVisible();
    expect(await context.cookies()).toEqual([]);

    await system.provider.up();
    const loginStatus = async () => (await request.get(`${system.origin}/bff/login`, { maxRedirects: 0 })).status();
    await expect.poll(loginStatus, { timeout: 30_000 }).toBe(303);
    await page.getByRole("link", { name: "Try again" }).click();
    await enterPassword(page, user);
    await expect(page).toHaveURL("/profile");
  });

  test("a logout during a provider outage ends the session and warns about the provider's session", async ({
    page,
    context,
    system,
    request,
  }) => {
    const cookie = `${SESSION_COOKIE}=${await sessionIdIn(context)}`;
    await system.provider.down();
    await page.getByRole("button", { name: "Log out", exact: true }).click();
    await expect(page.getByRole("heading", { name: "You are logged out" })).toBeVisible();
    await expect(page.getByText("You may still be logged in there")).toBeVisible();
    expect(await sessionIdIn(context)).toBeUndefined();
    expect((await requestWithCookie(request, `${system.origin}/api/protected?message=x`, cookie)).status()).toBe(401);
  });
});

test.describe("Redis outage", () => {
  test("requests while Redis hangs get a 503, the session is kept and the page recovers by itself", async ({
    page,
    context,
    user,
    system,
  }) => {
    const before = await sessionIdIn(context);
    system.redis.pause();
    try {
      // Until then a cached session may serve requests, for at most 105 ms.
      expect(await call(page, "/bff/user")).toMatchObject({ status: 503, body: { code: "store_unavailable" } });
      await page.getByLabel("Message").fill("typed during the outage");
      await send(page);
      await expect(responsePanel(page)).toContainText("The gateway cannot look up your session right now");
      await expect(sessionUnknownNotice(page)).toBeVisible();
      expect(await sessionIdIn(context)).toBe(before);
    } finally {
      system.redis.resume();
    }
    await expect(sessionUnknownNotice(page)).toHaveCount(0, { timeout: 45_000 });
    await expect(responsePanel(page)).toContainText("typed during the outageReceived", { timeout: 45_000 });
    await expect(page.getByRole("banner")).toContainText(user.name);
    expect(await sessionIdIn(context)).toBe(before);
  });

  test("a page opened while Redis hangs shows an outage notice and no login link, then the user's data", async ({
    page,
    user,
    system,
  }) => {
    system.redis.pause();
    try {
      await page.goto("/profile");
      await expect(sessionUnknownNotice(page)).toBeVisible();
      await expect(page.getByText("This page appears as soon as your session can be checked.")).toBeVisible();
      await expect(page.getByRole("link", { name: "Log in" })).toHaveCount(0);
    } finally {
      system.redis.resume();
    }
    await expect(page.getByRole("table", { name: "Claims" })).toContainText(user.sub, { timeout: 45_000 });
  });

  test("a logout while Redis hangs is reported as failed and succeeds when it is repeated", async ({
    page,
    context,
    user,
    system,
  }) => {
    system.redis.pause();
    try {
      await page.getByRole("button", { name: "Log out", exact: true }).click();
      await expect(page.getByRole("region", { name: "You are NOT logged out" })).toBeVisible();
      expect(await sessionIdIn(context)).toBeDefined();
    } finally {
      system.redis.resume();
    }
    await expect(page.getByRole("banner")).toContainText(user.name);
    await expect.poll(async () => (await call(page, "/bff/user")).status).toBe(200);
    await page.getByRole("button", { name: "Try to log out again" }).click();
    await expect(page.getByRole("heading", { name: "You are logged out" })).toBeVisible();
    expect(await sessionIdIn(context)).toBeUndefined();
  });

  test("sessions survive a crash and restart of Redis", async ({ page, context, user, system }) => {
    const before = await sessionIdIn(context);
    await system.redis.crash();
    try {
      await expect
        .poll(() => call(page, "/api/protected?message=x"))
        .toMatchObject({ status: 503, body: { code: "store_unavailable" } });
      expect(await call(page, "/bff/user")).toMatchObject({ status: 503, body: { code: "store_unavailable" } });
    } finally {
      await system.redis.restart();
    }
    await expect
      .poll(() => call(page, "/api/protected?message=x"), { timeout: 45_000 })
      .toMatchObject({ status: 200, body: { user: { sub: user.sub } } });
    expect(await sessionIdIn(context)).toBe(before);
  });
});

test.describe("gateway restart", () => {
  test("sessions survive a crash of the gateway, and an open page recovers by itself", async ({
    page,
    context,
    user,
    system,
  }) => {
    const before = await sessionIdIn(context);
    await page.getByLabel("Message").fill("typed before the crash");
    await system.gateway.kill("SIGKILL");
    await send(page);
    await expect(responsePanel(page)).toContainText("There is no connection");
    await expect(gatewayUnreachableNotice(page)).toBeVisible();
    await system.gateway.restart();
    await expect(gatewayUnreachableNotice(page)).toHaveCount(0, { timeout: 45_000 });
    await expect(page.getByRole("banner")).toContainText(user.name);
    await responsePanel(page).getByRole("button", { name: "Try again" }).click();
    await expect(responsePanel(page)).toContainText("typed before the crashReceived");
    expect(await sessionIdIn(context)).toBe(before);
  });

  test("a graceful restart completes the requests in flight", async ({ page, user, system }) => {
    const inFlight = call(page, "/api/slow?ms=1000");
    // Sent later and already completed: the gateway has received the slow request.
    expect(await call(page, "/bff/user")).toMatchObject({ status: 200 });
    await system.gateway.restart();
    expect(await inFlight).toMatchObject({ status: 200, body: { waitedMs: 1000 } });
    await page.reload();
    await expect(page.getByRole("banner")).toContainText(user.name);
  });
});

test("a page without network shows a notice, keeps what was typed and sends it once it is online", async ({
  page,
  context,
  user,
}) => {
  await page.getByLabel("Message").fill("sent later");
  await context.setOffline(true);
  await expect(offlineNotice(page)).toBeVisible();
  await send(page);
  await expect(responsePanel(page)).toContainText("There is no connection");
  await expect(page.getByRole("banner")).toContainText(user.name);
  await context.setOffline(false);
  await expect(offlineNotice(page).or(gatewayUnreachableNotice(page))).toHaveCount(0);
  await responsePanel(page).getByRole("button", { name: "Try again" }).click();
  await expect(responsePanel(page)).toContainText("sent laterReceived");
});

/** Single sign-on: the provider has a session of this browser and asks for no password. */
async function logInBySso(context: BrowserContext, origin: string): Promise<void> {
  const home = await context.request.get(`${origin}/bff/login`);
  expect(home.url()).toBe(`${origin}/`);
}
