// The test function of this suite: a system per worker, a person per test, and browsers that are watched. Every test
// also fails when a secret shows up anywhere, when the CSP is violated, or when a script of a page breaks.
import { test as base, expect, type BrowserContext, type BrowserContextOptions, type Page } from "@playwright/test";
import { nowOf, printFailure } from "./failure-report.ts";
import { logInQuietly, newPerson, type Person } from "./people.ts";
import { startDemoSystem } from "./demo-system.ts";
import { startKeycloakSystem } from "./keycloak-system.ts";
import { isOnKeycloak } from "./provider-pages.ts";
import type { TestSystem } from "./system.ts";
import { findLeaks, haystacksOf, needlesOf, type Haystack, type Leak } from "./secrets.ts";
import { haystacksOfPage, haystacksOfWatch, watch, type Watch } from "./watch.ts";

export { expect };

export type WatchedBrowser = { context: BrowserContext; seen: Watch };

type TestFixtures = {
  /** A user that no other test knows. */
  person: Person;
  /** Another browser, watched like the first one: other cookies, other storage. */
  newBrowser: (options?: BrowserContextOptions) => Promise<WatchedBrowser>;
  /** What the test's own browser showed of itself. */
  seen: Watch;
  /** A page of a browser in which `person` is logged in. */
  loggedIn: Page;
  /** What has shown up since the last search that must not be seen. */
  search: () => Promise<Leak[]>;
  /** Set by tests that provoke what would otherwise fail them. */
  allowed: Allowed;
  watched: WatchedBrowser[];
  nothingLeaks: void;
};

type Allowed = { leaks?: true; violations?: true; scriptErrors?: RegExp };

type WorkerFixtures = {
  system: TestSystem;
  /** How much of the worker's wire and log has been searched by earlier tests. */
  searched: { exchanges: number; logChars: number };
};

export const test = base.extend<TestFixtures, WorkerFixtures>({
  system: [
    async ({ searched }, use) => {
      const system = await (isOnKeycloak ? startKeycloakSystem() : startDemoSystem());
      await use(system);
      await system.stop();
      // The gateway's last words, which no test has waited for.
      const lastWords = { where: "the gateway's log", text: system.gateway.output().slice(searched.logChars) };
      expect(findLeaks(needlesOf(system), [lastWords]), "secrets that were seen").toEqual([]);
    },
    // Its own timeout: the start of a system does not count against the worker's first test.
    { scope: "worker", timeout: 120_000 },
  ],
  searched: [async ({ browserName: _browser }, use) => use({ exchanges: 0, logChars: 0 }), { scope: "worker" }],
  baseURL: async ({ system }, use) => use(system.origin),
  allowed: [{}, { option: true }],
  watched: async ({ browserName: _browser }, use) => use([]),
  context: async ({ context, watched }, use) => {
    watched.push({ context, seen: await watch(context) });
    await use(context);
    await stopRouting(context);
  },
  seen: async ({ context, watched }, use) => use(watched.find((each) => each.context === context)!.seen),
  newBrowser: async ({ browser, system, watched }, use) => {
    const opened: BrowserContext[] = [];
    await use(async (options) => {
      const context = await browser.newContext({ baseURL: system.origin, ...options });
      opened.push(context);
      const each = { context, seen: await watch(context) };
      watched.push(each);
      return each;
    });
    // The search below looks into them first: fixtures are torn down in the reverse order of their set-up.
    for (const context of opened) {
      await stopRouting(context);
      await context.close();
    }
  },
  person: async ({ system }, use) => use(await newPerson(system)),
  loggedIn: async ({ context, page, system, person }, use) => {
    await logInQuietly(context, system, person);
    await use(page);
  },
  search: async ({ system, searched, watched, context, newBrowser }, use) => {
    // Named so that they are still open when the search of the end of the test looks into them.
    void [context, newBrowser];
    await use(() => searchEverything({ system, searched, watched }));
  },
  nothingLeaks: [
    async ({ search, watched, allowed, system }, use, testInfo) => {
      const start = nowOf(system);
      await use();
      if (testInfo.status !== testInfo.expectedStatus)
        await printFailure(
          system,
          watched.map(({ context }) => context),
          start,
        );
      const leaks = await search();
      const violations = watched.flatMap(({ seen }) => seen.violations);
      const scriptErrors = watched
        .flatMap(({ seen }) => seen.scriptErrors)
        .filter((text) => allowed.scriptErrors?.test(text) !== true);
      if (!allowed.leaks) expect.soft(leaks, "secrets that were seen").toEqual([]);
      if (!allowed.violations) expect.soft(violations, "violations of the Content-Security-Policy").toEqual([]);
      expect.soft(scriptErrors, "errors of scripts").toEqual([]);
    },
    { auto: true },
  ],
});

/** A handler that is still waiting for a response when the browser closes would fail the test. */
async function stopRouting(context: BrowserContext): Promise<void> {
  for (const each of [context, ...context.pages()]) await each.unrouteAll({ behavior: "ignoreErrors" });
}

type Search = Pick<TestFixtures, "watched"> & Pick<WorkerFixtures, "system" | "searched">;

/** Wire and log only from where the last search ended; the browsers as they stand now. */
async function searchEverything({ system, searched, watched }: Search): Promise<Leak[]> {
  const needles = needlesOf(system);
  const log = system.gateway.output();
  const haystacks: Haystack[] = [
    ...system.exchanges.slice(searched.exchanges).flatMap((exchange) => haystacksOf(exchange, needles)),
    { where: "the gateway's log", text: log.slice(searched.logChars) },
  ];
  searched.exchanges = system.exchanges.length;
  searched.logChars = log.length;
  for (const { context, seen } of watched) {
    haystacks.push(...(await haystacksOfWatch(seen, system.origin)));
    for (const page of context.pages())
      if (page.url().startsWith(system.origin)) haystacks.push(...(await haystacksOfPage(page)));
  }
  return findLeaks(needles, haystacks);
}
