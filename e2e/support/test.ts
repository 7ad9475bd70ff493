// The test function of this suite: one system per worker, one user per test, recorded browsers. Every test also fails on
// a leaked secret, a CSP violation or an uncaught script error.
import { test as base, expect, type BrowserContext, type BrowserContextOptions, type Page } from "@playwright/test";
import { textsOfRecord } from "@cloakroom/testing/leaks/browser-recorder.ts";
import { textsOfContext, textsOfPage } from "@cloakroom/testing/leaks/browser-state.ts";
import { textsOfExchange, type SearchedText } from "@cloakroom/testing/leaks/exchange.ts";
import { findLeaks, type Leak } from "@cloakroom/testing/leaks/search.ts";
import { recordBrowser, type BrowserRecord } from "./browser-recorder.ts";
import { startEmbeddedSystem } from "./embedded-system.ts";
import { currentOffsets, printFailure } from "./failure-report.ts";
import { startKeycloakSystem } from "./keycloak-system.ts";
import { isOnKeycloak } from "./provider-pages.ts";
import { listSecrets } from "./secrets.ts";
import type { TestSystem } from "./system.ts";
import { createUser, logInByHttp, type TestUser } from "./users.ts";

export { expect };

export type RecordedBrowser = { context: BrowserContext; record: BrowserRecord };

type TestFixtures = {
  /** A user of this test only. */
  user: TestUser;
  /** Opens another browser, with its own cookies and storage. */
  newBrowser: (options?: BrowserContextOptions) => Promise<RecordedBrowser>;
  /** The record of the test's first browser. */
  record: BrowserRecord;
  /** A page of the first browser, in which `user` is logged in. */
  loggedInPage: Page;
  /** Searches what has been recorded since the last search. */
  findNewLeaks: () => Promise<Leak[]>;
  /** Set by tests that provoke a failure of the automatic checks. */
  allowed: Allowed;
  browsers: RecordedBrowser[];
  automaticChecks: void;
};

type Allowed = { leaks?: true; violations?: true; scriptErrors?: RegExp };

type WorkerFixtures = {
  system: TestSystem;
  /** Offsets in exchanges and log: everything before them has been searched. */
  searched: { exchanges: number; logChars: number };
};

export const test = base.extend<TestFixtures, WorkerFixtures>({
  system: [
    async ({ searched }, use) => {
      const system = await (isOnKeycloak ? startKeycloakSystem() : startEmbeddedSystem());
      await use(system);
      await system.stop();
      const shutdownLog = { location: "gateway log", text: system.gateway.output().slice(searched.logChars) };
      expect(findLeaks(listSecrets(system), [shutdownLog]), "leaked secrets").toEqual([]);
    },
    // Its own timeout: the start of a system does not count against the worker's first test.
    { scope: "worker", timeout: 120_000 },
  ],
  searched: [async ({ browserName: _browser }, use) => use({ exchanges: 0, logChars: 0 }), { scope: "worker" }],
  baseURL: async ({ system }, use) => use(system.origin),
  allowed: [{}, { option: true }],
  browsers: async ({ browserName: _browser }, use) => use([]),
  context: async ({ context, browsers, system }, use) => {
    browsers.push({ context, record: await recordBrowser(context, system.origin) });
    await use(context);
    await stopRouting(context);
  },
  record: async ({ context, browsers }, use) => use(browsers.find((each) => each.context === context)!.record),
  newBrowser: async ({ browser, system, browsers }, use) => {
    const opened: BrowserContext[] = [];
    await use(async (options) => {
      const context = await browser.newContext({ baseURL: system.origin, ...options });
      opened.push(context);
      const each = { context, record: await recordBrowser(context, system.origin) };
      browsers.push(each);
      return each;
    });
    for (const context of opened) {
      await stopRouting(context);
      await context.close();
    }
  },
  user: async ({ system }, use) => use(await createUser(system)),
  loggedInPage: async ({ context, page, system, user }, use) => {
    await logInByHttp(context, system, user);
    await use(page);
  },
  findNewLeaks: async ({ system, searched, browsers, context, newBrowser }, use) => {
    // Fixtures are torn down in reverse order of set-up: the browsers stay open until the last search.
    void [context, newBrowser];
    await use(() => searchEverything({ system, searched, browsers }));
  },
  automaticChecks: [
    async ({ findNewLeaks, browsers, allowed, system }, use, testInfo) => {
      const start = currentOffsets(system);
      await use();
      if (testInfo.status !== testInfo.expectedStatus)
        await printFailure(
          system,
          browsers.map(({ context }) => context),
          start,
        );
      const leaks = await findNewLeaks();
      const violations = browsers.flatMap(({ record }) => record.violations);
      const scriptErrors = browsers
        .flatMap(({ record }) => record.scriptErrors)
        .filter((text) => allowed.scriptErrors?.test(text) !== true);
      if (!allowed.leaks) expect.soft(leaks, "leaked secrets").toEqual([]);
      if (!allowed.violations) expect.soft(violations, "violations of the Content-Security-Policy").toEqual([]);
      expect.soft(scriptErrors, "uncaught script errors").toEqual([]);
    },
    { auto: true },
  ],
});

/** A route handler that is pending when the browser closes would fail the test. */
async function stopRouting(context: BrowserContext): Promise<void> {
  for (const each of [context, ...context.pages()]) await each.unrouteAll({ behavior: "ignoreErrors" });
}

type Search = Pick<TestFixtures, "browsers"> & Pick<WorkerFixtures, "system" | "searched">;

/** Searches exchanges and log from the end of the last search on, and the browsers in their present state. */
async function searchEverything({ system, searched, browsers }: Search): Promise<Leak[]> {
  const secrets = listSecrets(system);
  const log = system.gateway.output();
  const texts: SearchedText[] = [
    ...system.exchanges.slice(searched.exchanges).flatMap((exchange) => textsOfExchange(exchange, secrets)),
    { location: "gateway log", text: log.slice(searched.logChars) },
  ];
  searched.exchanges = system.exchanges.length;
  searched.logChars = log.length;
  for (const { context, record } of browsers) {
    texts.push(...(await textsOfRecord(record, system.origin)), ...(await textsOfContext(context)));
    for (const page of context.pages()) texts.push(...(await textsOfPage(page, system.origin)));
  }
  return findLeaks(secrets, texts);
}
