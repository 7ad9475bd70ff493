// Bad weather: whatever breaks, nobody is logged out by it, the page says what is the matter, and all of it heals.
import type { BrowserContext, Page } from "@playwright/test";
import { call, replay } from "../support/calls.ts";
import { SESSION_COOKIE } from "../support/secrets.ts";
import { enterPassword } from "../support/provider-pages.ts";
import { USUAL_ACCESS_TOKEN_SECONDS } from "../support/system.ts";
import { expect, test } from "../support/test.ts";

const sessionIn = async (context: BrowserContext) =>
  (await context.cookies()).find(({ name }) => name === SESSION_COOKIE)?.value;
const trouble = (page: Page) => page.getByRole("region", { name: "We cannot check your session right now" });
const unreachable = (page: Page) => page.getByRole("region", { name: "Cloakroom cannot be reached" });
const offline = (page: Page) => page.getByRole("region", { name: "You are offline" });
const answer = (page: Page) => page.getByRole("region", { name: "Response" });
const send = (page: Page) => page.getByRole("button", { name: "Send" }).click();

// Pages and gateway retry with exponential backoff.
test.setTimeout(120_000);

test.beforeEach(async ({ loggedIn, person }) => {
  await loggedIn.goto("/call");
  await expect(loggedIn.getByRole("banner")).toContainText(person.name);
});

test.describe("the provider is down", () => {
  test.afterEach(async ({ system }) => {
    await system.provider.issueAccessTokensFor(USUAL_ACCESS_TOKEN_SECONDS);
    await system.provider.up();
  });

  test("the person goes on working while the access token lives", async ({ page, person, system }) => {
    // The API has met the provider's keys by now, as it has in any system that runs.
    await send(page);
    await expect(answer(page)).toContainText("probeReceived");
    await system.provider.down();
    await page.getByLabel("Message").fill("still working");
    await send(page);
    await expect(answer(page)).toContainText("still workingReceived");
    await page.getByRole("link", { name: "Profile" }).click();
    await expect(page.getByRole("table", { name: "Claims" })).toContainText(person.sub);
  });

  test("an access token that cannot be renewed is a 503 and not a logout, and work goes on when it can", async ({
    page,
    context,
    person,
    system,
  }) => {
    await system.provider.issueAccessTokensFor(3);
    await context.clearCookies({ name: SESSION_COOKIE });
    await logInBySso(context, system.origin);
    await page.reload();
    await expect(page.getByRole("banner")).toContainText(person.name);
    const before = await sessionIn(context);
    // So that the API has the provider's keys: it would have a 503 of its own, without a request id.
    expect(await call(page, "/api/protected?message=x")).toMatchObject({ status: 200 });
    await system.provider.down();
    await expect
      .poll(() => call(page, "/api/protected?message=x"), { timeout: 20_000 })
      .toMatchObject({ status: 503, body: { code: "provider_unavailable", requestId: expect.any(String) } });
    await send(page);
    await expect(answer(page)).toContainText("The login service cannot be reached right now");
    await expect(answer(page)).toContainText("Trying again");
    await expect(page.getByRole("banner")).toContainText(person.name);
    expect(await sessionIn(context)).toBe(before);

    await system.provider.up();
    // By itself: the page tries again.
    await expect(answer(page)).toContainText("probeReceived", { timeout: 45_000 });
    expect(await sessionIn(context)).toBe(before);
    expect(system.provider.count("refresh-token-reuse")).toBe(0);
  });

  test("a login gets a page that says so and leads on once the provider is back", async ({
    newBrowser,
    person,
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
    await enterPassword(page, person);
    await expect(page).toHaveURL("/profile");
  });

  test("a logout ends the session here and says that the provider could not be told", async ({
    page,
    context,
    system,
    request,
  }) => {
    const cookie = `${SESSION_COOKIE}=${await sessionIn(context)}`;
    await system.provider.down();
    await page.getByRole("button", { name: "Log out", exact: true }).click();
    await expect(page.getByRole("heading", { name: "You are logged out" })).toBeVisible();
    await expect(page.getByText("You may still be logged in there")).toBeVisible();
    expect(await sessionIn(context)).toBeUndefined();
    expect((await replay(request, `${system.origin}/api/protected?message=x`, cookie)).status()).toBe(401);
  });
});

test.describe("Redis", () => {
  test("that is frozen is a 503 and not a logout, and the page heals by itself", async ({
    page,
    context,
    person,
    system,
  }) => {
    const before = await sessionIn(context);
    system.redis.freeze();
    try {
      await page.getByLabel("Message").fill("typed meanwhile");
      await send(page);
      await expect(answer(page)).toContainText("The gateway cannot look up your session right now");
      await expect(trouble(page)).toBeVisible();
      expect(await call(page, "/bff/user")).toMatchObject({ status: 503, body: { code: "store_unavailable" } });
      expect(await sessionIn(context)).toBe(before);
    } finally {
      system.redis.thaw();
    }
    await expect(trouble(page)).toHaveCount(0, { timeout: 45_000 });
    await expect(answer(page)).toContainText("typed meanwhileReceived", { timeout: 45_000 });
    await expect(page.getByRole("banner")).toContainText(person.name);
    expect(await sessionIn(context)).toBe(before);
  });

  test("that is frozen while a page is opened delays it and shows nobody else's session", async ({
    page,
    person,
    system,
  }) => {
    system.redis.freeze();
    try {
      await page.goto("/profile");
      await expect(trouble(page)).toBeVisible();
      await expect(page.getByText("This page appears as soon as your session can be checked.")).toBeVisible();
      await expect(page.getByRole("link", { name: "Log in" })).toHaveCount(0);
    } finally {
      system.redis.thaw();
    }
    await expect(page.getByRole("table", { name: "Claims" })).toContainText(person.sub, { timeout: 45_000 });
  });

  test("that is frozen during a logout leaves nobody believing it was done", async ({
    page,
    context,
    person,
    system,
  }) => {
    system.redis.freeze();
    try {
      await page.getByRole("button", { name: "Log out", exact: true }).click();
      await expect(page.getByRole("region", { name: "You are NOT logged out" })).toBeVisible();
      expect(await sessionIn(context)).toBeDefined();
    } finally {
      system.redis.thaw();
    }
    await expect(page.getByRole("banner")).toContainText(person.name);
    await expect.poll(async () => (await call(page, "/bff/user")).status).toBe(200);
    await page.getByRole("button", { name: "Try to log out again" }).click();
    await expect(page.getByRole("heading", { name: "You are logged out" })).toBeVisible();
    expect(await sessionIn(context)).toBeUndefined();
  });

  test("that crashes and comes back with its data leaves everybody logged in", async ({
    page,
    context,
    person,
    system,
  }) => {
    const before = await sessionIn(context);
    await system.redis.crash();
    try {
      await expect
        .poll(() => call(page, "/api/protected?message=x"))
        .toMatchObject({ status: 503, body: { code: "store_unavailable" } });
      expect(await call(page, "/bff/user")).toMatchObject({ status: 503, body: { code: "store_unavailable" } });
    } finally {
      await system.redis.startAgain();
    }
    await expect
      .poll(() => call(page, "/api/protected?message=x"), { timeout: 45_000 })
      .toMatchObject({ status: 200, body: { user: { sub: person.sub } } });
    expect(await sessionIn(context)).toBe(before);
  });
});

test.describe("the gateway", () => {
  test("that crashes and is started again knows every session, and the open page heals by itself", async ({
    page,
    context,
    person,
    system,
  }) => {
    const before = await sessionIn(context);
    await page.getByLabel("Message").fill("typed before the crash");
    await system.gateway.kill("SIGKILL");
    await send(page);
    await expect(answer(page)).toContainText("There is no connection");
    await expect(unreachable(page)).toBeVisible();
    await system.gateway.restart();
    await expect(unreachable(page)).toHaveCount(0, { timeout: 45_000 });
    await expect(page.getByRole("banner")).toContainText(person.name);
    await answer(page).getByRole("button", { name: "Try again" }).click();
    await expect(answer(page)).toContainText("typed before the crashReceived");
    expect(await sessionIn(context)).toBe(before);
  });

  test("that is restarted in order answers the calls that are on their way", async ({ page, person, system }) => {
    const onItsWay = call(page, "/api/slow?ms=1000");
    // Asked later and answered: the slow one has arrived.
    expect(await call(page, "/bff/user")).toMatchObject({ status: 200 });
    await system.gateway.restart();
    expect(await onItsWay).toMatchObject({ status: 200, body: { waitedMs: 1000 } });
    await page.reload();
    await expect(page.getByRole("banner")).toContainText(person.name);
  });
});

test("the network that is gone is said calmly, and what was typed goes out when it is back", async ({
  page,
  context,
  person,
}) => {
  await page.getByLabel("Message").fill("sent later");
  await context.setOffline(true);
  await expect(offline(page)).toBeVisible();
  await send(page);
  await expect(answer(page)).toContainText("There is no connection");
  await expect(page.getByRole("banner")).toContainText(person.name);
  await context.setOffline(false);
  await expect(offline(page).or(unreachable(page))).toHaveCount(0);
  await answer(page).getByRole("button", { name: "Try again" }).click();
  await expect(answer(page)).toContainText("sent laterReceived");
});

/** The provider still knows the browser: it sends it back without a question. */
async function logInBySso(context: BrowserContext, origin: string): Promise<void> {
  const back = await context.request.get(`${origin}/bff/login`);
  expect(back.url()).toBe(`${origin}/`);
}
