// Token refresh while the app is in use: calls succeed across expiries, and no refresh token is spent twice.
import { logInByHttp } from "../support/users.ts";
import { DEFAULT_ACCESS_TOKEN_SECONDS } from "../support/system.ts";
import { expect, test } from "../support/test.ts";

const accessTokenSeconds = 3;
const minRefreshes = 3;

test.beforeEach(({ system }) => system.provider.setAccessTokenLifetime(accessTokenSeconds));
test.afterEach(({ system }) => system.provider.setAccessTokenLifetime(DEFAULT_ACCESS_TOKEN_SECONDS));

test("concurrent calls of two tabs succeed across several token expiries without reuse of a refresh token", async ({
  context,
  system,
  user,
}) => {
  system.provider.resetCounts();
  const startedMs = Date.now();
  await logInByHttp(context, system, user);
  const tabs = [await context.newPage(), await context.newPage()];
  for (const tab of tabs) {
    await tab.goto("/call");
    await expect(tab.getByRole("banner")).toContainText(user.name);
  }
  const calls = tabs.map((tab) => tab.evaluate(callUntilStopped));
  const refreshes = () => system.provider.count("token:refresh_token");
  await expect.poll(refreshes, { timeout: 40_000 }).toBeGreaterThanOrEqual(minRefreshes);
  await Promise.all(tabs.map((tab) => tab.evaluate(() => document.body.setAttribute("data-stopped", ""))));
  const statuses = (await Promise.all(calls)).flat();
  expect(statuses.length).toBeGreaterThan(20);
  expect(statuses.filter((status) => status !== 200)).toEqual([]);
  // At most one refresh per lifetime: the refresh window is at most the last 35 % of it.
  const elapsedSeconds = (Date.now() - startedMs) / 1_000;
  expect(refreshes()).toBeLessThanOrEqual(elapsedSeconds / (accessTokenSeconds * 0.6) + 2);
  expect(system.provider.count("refresh-token-reuse")).toBe(0);
  // The calls used new tokens, not an expired one.
  expect(new Set(system.provider.issuedTokens().accessTokens).size).toBeGreaterThan(2);
});

/** Runs in the page: four concurrent callers. @returns the status of each response */
async function callUntilStopped(): Promise<number[]> {
  const statuses: number[] = [];
  const caller = async (): Promise<void> => {
    while (document.body.dataset["stopped"] === undefined) {
      const response = await fetch("/api/protected?message=x", { headers: { "X-CSRF": "1" } });
      await response.arrayBuffer();
      statuses.push(response.status);
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
  };
  await Promise.all([caller(), caller(), caller(), caller()]);
  return statuses;
}

test("a call after the access token has expired succeeds with one refresh and no login", async ({
  loggedInPage,
  system,
  user,
}) => {
  await loggedInPage.goto("/call");
  await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
  const issuedBefore = system.provider.issuedTokens().accessTokens.length;
  const expired = Date.now() + accessTokenSeconds * 1_000;
  await expect.poll(() => Date.now() > expired, { intervals: [500] }).toBe(true);
  await loggedInPage.getByRole("button", { name: "Send" }).click();
  await expect(loggedInPage.getByRole("region", { name: "Response" })).toContainText("probeReceived");
  expect(system.provider.issuedTokens().accessTokens.length).toBe(issuedBefore + 1);
});

test("an event stream stays open after its access token has expired", async ({ loggedInPage, system, user }) => {
  await loggedInPage.goto("/call");
  await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
  await loggedInPage.getByRole("button", { name: "Start listening" }).click();
  const events = loggedInPage.getByRole("region", { name: "Live events" });
  await expect(events).toContainText(`"number":5`, { timeout: 30_000 });
  await expect.poll(() => system.api.openEventStreams()).toBe(1);
  await loggedInPage.getByRole("button", { name: "Stop listening" }).click();
  await expect.poll(() => system.api.openEventStreams()).toBe(0);
});
