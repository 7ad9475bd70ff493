// The test function of the scenarios: one engine and one demo system per worker, new browsers per test.
import { test as base, expect } from "@playwright/test";
import { startDemo, type Demo } from "./demo.ts";
import type { Browser, Engine, Tab } from "./browser.ts";
import { startSiblingHosts, type SiblingHosts } from "./sibling-hosts.ts";
import { startEngine, missingReason, type EngineName } from "./engines.ts";

export { expect };

export type EngineOptions = { engineName: EngineName };

type WorkerFixtures = EngineOptions & {
  engine: Engine;
  /** The system started by `npm start`. */
  demo: Demo;
  siblings: SiblingHosts;
};

type TestFixtures = {
  needsEngine: void;
  opened: { browsers: Browser[]; tabs: Tab[] };
  /** Opens another profile. */
  newBrowser: () => Promise<Browser>;
  /** Opens another tab of the first browser. */
  newTab: () => Promise<Tab>;
  firstBrowser: Browser;
  tab: Tab;
};

export const test = base.extend<TestFixtures, WorkerFixtures>({
  engineName: ["chromium", { option: true, scope: "worker" }],
  engine: [
    async ({ engineName }, use) => {
      const engine = await startEngine(engineName, process.env);
      await use(engine);
      await engine.stop();
    },
    { scope: "worker", timeout: 120_000 },
  ],
  demo: [
    async ({ engineName: _name }, use) => {
      const demo = await startDemo();
      await use(demo);
      await demo.stop();
    },
    { scope: "worker", timeout: 120_000 },
  ],
  siblings: [
    async ({ engineName: _name }, use) => {
      const siblings = await startSiblingHosts();
      await use(siblings);
      await siblings.stop();
    },
    { scope: "worker", timeout: 120_000 },
  ],
  needsEngine: [
    async ({ engineName }, use, testInfo) => {
      const reason = missingReason(engineName, process.env);
      testInfo.skip(reason !== undefined, reason);
      await use();
    },
    { auto: true },
  ],
  opened: async ({ needsEngine: _installed }, use, testInfo) => {
    const opened: TestFixtures["opened"] = { browsers: [], tabs: [] };
    await use(opened);
    if (testInfo.status !== testInfo.expectedStatus) await printTabs(opened.tabs);
    for (const browser of opened.browsers) await browser.close();
  },
  newBrowser: async ({ engine, opened }, use) => {
    await use(async () => {
      const browser = await engine.newBrowser();
      opened.browsers.push(browser);
      return {
        ...browser,
        newTab: async () => {
          const tab = await browser.newTab();
          opened.tabs.push(tab);
          return tab;
        },
      };
    });
  },
  firstBrowser: async ({ newBrowser }, use) => use(await newBrowser()),
  newTab: async ({ firstBrowser }, use) => use(firstBrowser.newTab),
  tab: async ({ firstBrowser }, use) => use(await firstBrowser.newTab()),
});

/** Prints address and visible text of every tab, for the diagnosis of a failed test. */
async function printTabs(tabs: readonly Tab[]): Promise<void> {
  for (const tab of tabs) {
    const [url, text] = await Promise.all([tab.url(), tab.text()]).catch(() => ["(not readable)", ""]);
    process.stdout.write(`-- ${url?.replace(/\?.*/s, "?…")}\n${text}\n`);
  }
}
