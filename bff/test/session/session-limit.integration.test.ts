// SESSIONS_PER_USER: at most this many sessions per user; the oldest ends first.
import { afterAll, beforeAll, expect, it } from "vitest";
import type { TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startTestSystem, userOf, type TestSystem } from "@cloakroom/testkit/system.ts";

const LIMIT = 3;
let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ instances: 2, env: { SESSIONS_PER_USER: String(LIMIT) } });
});
afterAll(() => system.stop());

async function loggedIn(username: string, count: number): Promise<TestBrowser[]> {
  const browsers = Array.from({ length: count }, () => system.browser(username));
  for (const browser of browsers) expect((await browser.login()).status).toBe(303);
  return browsers;
}
const areLoggedIn = (browsers: readonly TestBrowser[]) =>
  Promise.all(browsers.map(async (browser) => (await userOf(browser)) !== undefined));

it("a login above the limit ends the user's oldest session with its reason and no session of other users", async () => {
  const [admin] = await loggedIn("admin", 1);
  const browsers = await loggedIn("alice", LIMIT + 1);
  expect(await areLoggedIn(browsers)).toEqual([false, true, true, true]);
  const rejected = await browsers[0]!.fetch("/api/x");
  expect([rejected.status, await rejected.json()]).toMatchObject([401, { code: "session_revoked" }]);
  expect(system.gateway.events("session_ended").at(-1)).toMatchObject({ reason: "limit" });
  expect(await userOf(admin!)).toBeDefined();
});

it("a repeated login replaces the browser's own session and ends no session of another device", async () => {
  const browsers = await loggedIn("alice", LIMIT);
  const callback = await browsers[1]!.loginAtProvider();
  // A browser does not send the Strict cookie with the redirect from the provider.
  browsers[1]!.cookies.delete("__Host-Http-session");
  expect((await browsers[1]!.navigate(callback, { "sec-fetch-site": "cross-site" })).status).toBe(303);
  expect(await areLoggedIn(browsers)).toEqual([true, true, true]);
});

it("an ended session does not count", async () => {
  const browsers = await loggedIn("alice", LIMIT);
  await browsers[2]!.fetch("/bff/logout", { method: "POST" });
  const [next] = await loggedIn("alice", 1);
  expect(await areLoggedIn([browsers[0]!, browsers[1]!, next!])).toEqual([true, true, true]);
});

it("20 concurrent logins over two instances leave exactly the limit", async () => {
  const browsers = Array.from({ length: 20 }, (_, n) => system.browser("alice", system.gateways[n % 2]));
  const callbacks = await Promise.all(browsers.map((browser) => browser.loginAtProvider()));
  const responses = await Promise.all(
    browsers.map((browser, n) => browser.navigate(callbacks[n]!, { "sec-fetch-site": "cross-site" })),
  );
  expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 303));
  expect((await areLoggedIn(browsers)).filter(Boolean)).toHaveLength(LIMIT);
});
