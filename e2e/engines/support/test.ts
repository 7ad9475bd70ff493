// The test function of the scenarios: an engine and a demo per worker, browsers per test.
import { test as base, expect } from "@playwright/test";
import { startDemo, type Demo } from "./demo.ts";
import type { Browser, Engine, Tab } from "./browser.ts";
import { startSiblings, type Siblings } from "./siblings.ts";
import { startEngine, whyMissing, type EngineName } from "./engines.ts";

export { expect };

export type EngineOptions = { engineName: EngineName };

type WorkerFixtures = EngineOptions & {
  engine: Engine;
  /** `npm start`. */
  demo: Demo;
  siblings: Siblings;
};

type TestFixtures = {
  needsEngine: void;
  opened: { browsers: Browser[]; tabs: Tab[] };
  /** Another profile. */
  newBrowser: () => Promise<Browser>;
  /** Another tab of the test's first browser. */
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
      const siblings = await startSiblings();
      await use(siblings);
      await siblings.stop();
    },
    { scope: "worker", timeout: 120_000 },
  ],
  needsEngine: [
    async ({ engineName }, use, testInfo) => {
      const reason = whyMissing(engineName, process.env);
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

/** What a failed test leaves in the output: every page as its reader saw it. */
async function printTabs(tabs: readonly Tab[]): Promise<void> {
  for (const tab of tabs) {
    const seen = await Promise.all([tab.url(), tab.text()]).catch(() => ["(the tab does not answer)", ""]);
    process.stdout.write(`-- ${seen[0]?.replace(/\?.*/s, "?…")}\n${seen[1]}\n`);
  }
}
