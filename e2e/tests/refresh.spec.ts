// Access tokens run out in the middle of work: nobody notices, and no refresh token is spent twice.
import { logInQuietly } from "../support/people.ts";
import { USUAL_ACCESS_TOKEN_SECONDS } from "../support/system.ts";
import { expect, test } from "../support/test.ts";

const accessTokenSeconds = 3;
const refreshesToSee = 3;

test.beforeEach(({ system }) => system.provider.issueAccessTokensFor(accessTokenSeconds));
test.afterEach(({ system }) => system.provider.issueAccessTokensFor(USUAL_ACCESS_TOKEN_SECONDS));

test("many calls at once over several expiries all succeed, in two tabs, and no refresh token is spent twice", async ({
  context,
  system,
  person,
}) => {
  system.provider.resetCounts();
  const startedMs = Date.now();
  await logInQuietly(context, system, person);
  const tabs = [await context.newPage(), await context.newPage()];
  for (const tab of tabs) {
    await tab.goto("/call");
    await expect(tab.getByRole("banner")).toContainText(person.name);
  }
  const calls = tabs.map((tab) => tab.evaluate(callUntilStopped));
  const refreshes = () => system.provider.count("token:refresh_token");
  await expect.poll(refreshes, { timeout: 40_000 }).toBeGreaterThanOrEqual(refreshesToSee);
  await Promise.all(tabs.map((tab) => tab.evaluate(() => document.body.setAttribute("data-stopped", ""))));
  const statuses = (await Promise.all(calls)).flat();
  expect(statuses.length).toBeGreaterThan(20);
  expect(statuses.filter((status) => status !== 200)).toEqual([]);
  // One refresh per lifetime: the refresh window opens at the earliest 35 % of it before the end.
  const elapsedSeconds = (Date.now() - startedMs) / 1_000;
  expect(refreshes()).toBeLessThanOrEqual(elapsedSeconds / (accessTokenSeconds * 0.6) + 2);
  expect(system.provider.count("refresh-token-reuse")).toBe(0);
  // Work went on with new tokens, not with one that outlived its time.
  expect(new Set(system.provider.issuedTokens().accessTokens).size).toBeGreaterThan(2);
});

/** Runs in the page: four callers at once. @returns the status of each response */
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

test("a person who comes back after the access token ran out goes on without a login", async ({
  loggedIn,
  system,
  person,
}) => {
  await loggedIn.goto("/call");
  await expect(loggedIn.getByRole("banner")).toContainText(person.name);
  const issuedBefore = system.provider.issuedTokens().accessTokens.length;
  const expired = Date.now() + accessTokenSeconds * 1_000;
  await expect.poll(() => Date.now() > expired, { intervals: [500] }).toBe(true);
  await loggedIn.getByRole("button", { name: "Send" }).click();
  await expect(loggedIn.getByRole("region", { name: "Response" })).toContainText("probeReceived");
  expect(system.provider.issuedTokens().accessTokens.length).toBe(issuedBefore + 1);
});

test("a stream that outlives its access token goes on", async ({ loggedIn, system, person }) => {
  await loggedIn.goto("/call");
  await expect(loggedIn.getByRole("banner")).toContainText(person.name);
  await loggedIn.getByRole("button", { name: "Start listening" }).click();
  const events = loggedIn.getByRole("region", { name: "Live events" });
  await expect(events).toContainText(`"number":5`, { timeout: 30_000 });
  await expect.poll(() => system.api.openEventStreams()).toBe(1);
  await loggedIn.getByRole("button", { name: "Stop listening" }).click();
  await expect.poll(() => system.api.openEventStreams()).toBe(0);
});
