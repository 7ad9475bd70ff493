// Logins under load: twenty tabs that finish in any order and on any instance, a callback that is opened fifty times,
// the way back to it, and somebody else who logs in over a session.
import { randomUUID } from "node:crypto";
import { SESSION_COOKIE } from "@cloakroom/gateway/src/session/cookies.ts";
import { userIndex } from "@cloakroom/gateway/src/session/indexes.ts";
import type { TestBrowser } from "@cloakroom/testkit/browser.ts";
import type { Fleet, Instance } from "../fleet.ts";
import { inParallel, type Outcome, type Scenario, type Size } from "../scenario.ts";

const COUNTS = {
  full: { people: 30, tabs: 20, openings: 50, atOnce: 4 },
  short: { people: 4, tabs: 20, openings: 50, atOnce: 2 },
  tiny: { people: 2, tabs: 6, openings: 10, atOnce: 2 },
} as const satisfies Record<Size, object>;

export const logins: Scenario = {
  name: "logins",
  async run(fleet, size): Promise<Outcome> {
    const counts = COUNTS[size];
    await inParallel(counts.people, counts.atOnce, async (index) => {
      await manyTabs(fleet, counts.tabs);
      await oneCallbackManyTimes(fleet, counts.openings, index);
      await overAnothersSession(fleet, index);
    });
    return {
      seen:
        `${counts.people} times each: ${counts.tabs} tabs at once that finish in any order on any instance, all on their ` +
        `page; one callback opened ${counts.openings} times over the instances: one code spent, one session; back to it: ` +
        "home, nothing spent; another user over a session: the old one ended, a new id",
    };
  },
};

/** @returns a browser of a user of its own, and a way to say what must be so */
async function somebody({ provider, history, ...fleet }: Fleet, at: Instance) {
  const name = `tabs-${randomUUID()}`;
  const { sub } = await provider.addUser({ username: name, password: `${name}-demo-password` });
  const claim = (invariant: string, what: string, holds: boolean) =>
    void history.claims.push({ invariant, claim: what, holds });
  return { name, sub, browser: fleet.browserOf(name, at), claim };
}

async function subjectAt(browser: TestBrowser, { port }: Instance): Promise<string | undefined> {
  browser.useInstance(`http://127.0.0.1:${port}`);
  const response = await browser.fetch("/bff/user");
  return ((await response.json()) as { user: { sub: string } | null }).user?.sub;
}

async function manyTabs(fleet: Fleet, tabs: number): Promise<void> {
  const { instances, publicOrigin } = fleet;
  const { browser, sub, claim } = await somebody(fleet, instances[0] as Instance);
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
    claim("failed", `tab ${tab} finishes on its page: ${response.status}`, isHome);
  }
  for (const instance of instances)
    claim("I3", `${tabs} tabs leave their user logged in`, (await subjectAt(browser, instance)) === sub);
}

async function oneCallbackManyTimes(fleet: Fleet, openings: number, index: number): Promise<void> {
  const { provider, instances, publicOrigin, store } = fleet;
  const { browser, sub, claim } = await somebody(fleet, instances[index % 3] as Instance);
  const callback = await browser.loginAtProvider("?returnTo=/here");
  const responses = await Promise.all(
    Array.from({ length: openings }, async (_, opening) => {
      browser.useInstance(`http://127.0.0.1:${(instances[opening % 3] as Instance).port}`);
      return browser.navigate(callback, { "sec-fetch-site": "cross-site" });
    }),
  );
  const areHome = responses.every(({ headers }) => headers.get("location") === `${publicOrigin}/here`);
  claim("failed", `a callback opened ${openings} times leads to its page every time`, areHome);
  const sessions = await store.listIndex(userIndex({ issuer: provider.issuer, subject: sub }));
  claim("I3", `a callback opened ${openings} times begins one session, not ${sessions.length}`, sessions.length === 1);
  const cookie = browser.cookies.get(SESSION_COOKIE);
  const back = await browser.navigate(callback, { "sec-fetch-site": "none" });
  const isQuiet = back.status === 303 && browser.cookies.get(SESSION_COOKIE) === cookie;
  claim("failed", `the way back to the callback goes home quietly: ${back.status}`, isQuiet);
  claim("I3", "whose session it is stays", (await subjectAt(browser, instances[0] as Instance)) === sub);
}

async function overAnothersSession(fleet: Fleet, index: number): Promise<void> {
  const { instances } = fleet;
  const [one, other] = [instances[index % 3], instances[(index + 1) % 3]] as [Instance, Instance];
  const { browser, claim } = await somebody(fleet, one);
  await browser.login();
  const before = browser.cookies.get(SESSION_COOKIE);
  const next = await somebody(fleet, one);
  // The same browser, with another person at the provider.
  for (const [name, value] of browser.cookies) next.browser.cookies.set(name, value);
  const callback = await next.browser.loginAtProvider();
  next.browser.useInstance(`http://127.0.0.1:${other.port}`);
  await next.browser.navigate(callback, { "sec-fetch-site": "cross-site" });
  const after = next.browser.cookies.get(SESSION_COOKIE);
  claim("I3", "another user gets another session id", after !== undefined && after !== before);
  for (const instance of instances) {
    claim("I3", "another user is who is logged in now", (await subjectAt(next.browser, instance)) === next.sub);
    claim("I2", "the session before is over", (await subjectAt(browser, instance)) === undefined);
  }
}
