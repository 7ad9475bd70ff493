// Logins under load: twenty tabs that complete in any order and on any instance, one callback opened fifty times, a callback
// opened again after the login, and the login of another user over a session.
import { randomUUID } from "node:crypto";
import { SESSION_COOKIE } from "@cloakroom/gateway/src/session/cookies.ts";
import { userIndex } from "@cloakroom/gateway/src/session/indexes.ts";
import type { TestBrowser } from "@cloakroom/testkit/browser.ts";
import type { Fleet, Instance } from "../fleet.ts";
import { inParallel, type Outcome, type Scenario, type Size } from "../scenario.ts";

const COUNTS = {
  full: { users: 30, tabs: 20, openings: 50, atOnce: 4 },
  short: { users: 4, tabs: 20, openings: 50, atOnce: 2 },
  tiny: { users: 2, tabs: 6, openings: 10, atOnce: 2 },
} as const satisfies Record<Size, object>;

export const logins: Scenario = {
  name: "logins",
  async run(fleet, size): Promise<Outcome> {
    const counts = COUNTS[size];
    await inParallel(counts.users, counts.atOnce, async (index) => {
      await loginInTabs(fleet, counts.tabs);
      await repeatCallback(fleet, counts.openings, index);
      await loginOverSession(fleet, index);
    });
    return {
      details:
        `${counts.users} times each: ${counts.tabs} tabs at once that complete in any order on any instance, each on its own ` +
        `page; one callback opened ${counts.openings} times over the instances: one code used, one session; opened again later: ` +
        "redirect, no code used; login of another user: the old session ended, new session id",
    };
  },
};

/** @returns a browser of a new user, not logged in, and a function that adds an assertion to the history */
async function newUser({ provider, history, ...fleet }: Fleet, at: Instance) {
  const name = `tabs-${randomUUID()}`;
  const { sub } = await provider.addUser({ username: name, password: `${name}-demo-password` });
  const assertThat = (invariant: string, text: string, holds: boolean) =>
    void history.assertions.push({ invariant, text, holds });
  return { name, sub, browser: fleet.browserOf(name, at), assertThat };
}

async function subjectAt(browser: TestBrowser, { port }: Instance): Promise<string | undefined> {
  browser.useInstance(`http://127.0.0.1:${port}`);
  const response = await browser.fetch("/bff/user");
  return ((await response.json()) as { user: { sub: string } | null }).user?.sub;
}

async function loginInTabs(fleet: Fleet, tabs: number): Promise<void> {
  const { instances, publicOrigin } = fleet;
  const { browser, sub, assertThat } = await newUser(fleet, instances[0] as Instance);
  const started = await Promise.all(
    Array.from({ length: tabs }, async (_, tab) => {
      browser.useInstance(`http://127.0.0.1:${(instances[tab % 3] as Instance).port}`);
      return { tab, callback: await browser.loginAtProvider(`?returnTo=/tab-${tab}`) };
    }),
  );
  const inAnyOrder = started.map((each) => ({ ...each, order: Math.random() })).toSorted((a, b) => a.order - b.order);
  for (const { tab, callback } of inAnyOrder) {
    browser.useInstance(`http://127.0.0.1:${(instances[Math.floor(Math.random() * 3)] as Instance).port}`);
    const response = await browser.navigate(callback, { "sec-fetch-site": "cross-site" });
    const isHome = response.status === 303 && response.headers.get("location") === `${publicOrigin}/tab-${tab}`;
    assertThat("failed", `tab ${tab} completes on its page: ${response.status}`, isHome);
  }
  for (const instance of instances)
    assertThat("I3", `${tabs} tabs end with their user logged in`, (await subjectAt(browser, instance)) === sub);
}

async function repeatCallback(fleet: Fleet, openings: number, index: number): Promise<void> {
  const { provider, instances, publicOrigin, store } = fleet;
  const { browser, sub, assertThat } = await newUser(fleet, instances[index % 3] as Instance);
  const callback = await browser.loginAtProvider("?returnTo=/here");
  const responses = await Promise.all(
    Array.from({ length: openings }, async (_, opening) => {
      browser.useInstance(`http://127.0.0.1:${(instances[opening % 3] as Instance).port}`);
      return browser.navigate(callback, { "sec-fetch-site": "cross-site" });
    }),
  );
  const areHome = responses.every(({ headers }) => headers.get("location") === `${publicOrigin}/here`);
  assertThat("failed", `a callback opened ${openings} times leads to its page every time`, areHome);
  const sessions = await store.listIndex(userIndex({ issuer: provider.issuer, subject: sub }));
  assertThat(
    "I3",
    `a callback opened ${openings} times creates one session (${sessions.length})`,
    sessions.length === 1,
  );
  const cookie = browser.cookies.get(SESSION_COOKIE);
  const back = await browser.navigate(callback, { "sec-fetch-site": "none" });
  const isUnchanged = back.status === 303 && browser.cookies.get(SESSION_COOKIE) === cookie;
  assertThat("failed", `a callback opened again redirects and keeps the session: ${back.status}`, isUnchanged);
  assertThat(
    "I3",
    "a callback opened again keeps the user",
    (await subjectAt(browser, instances[0] as Instance)) === sub,
  );
}

async function loginOverSession(fleet: Fleet, index: number): Promise<void> {
  const { instances } = fleet;
  const [one, other] = [instances[index % 3], instances[(index + 1) % 3]] as [Instance, Instance];
  const { browser, assertThat } = await newUser(fleet, one);
  await browser.login();
  const before = browser.cookies.get(SESSION_COOKIE);
  const next = await newUser(fleet, one);
  // The second browser holds the first one's cookies and logs in as another user.
  for (const [name, value] of browser.cookies) next.browser.cookies.set(name, value);
  const callback = await next.browser.loginAtProvider();
  next.browser.useInstance(`http://127.0.0.1:${other.port}`);
  await next.browser.navigate(callback, { "sec-fetch-site": "cross-site" });
  const after = next.browser.cookies.get(SESSION_COOKIE);
  assertThat("I3", "the login of another user sets a new session id", after !== undefined && after !== before);
  for (const instance of instances) {
    assertThat("I3", "the other user is logged in", (await subjectAt(next.browser, instance)) === next.sub);
    assertThat("I2", "the previous session has ended", (await subjectAt(browser, instance)) === undefined);
  }
}
