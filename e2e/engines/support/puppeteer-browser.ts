// Drives Chromium by CDP and Firefox by WebDriver BiDi, through Puppeteer: Playwright needs BiDi commands that Firefox
// ESR does not implement.
import { launch, type BrowserContext, type ElementHandle, type LaunchOptions, type Page } from "puppeteer-core";
import { killWithParent } from "@cloakroom/testing/kill-with-parent.ts";
import { fieldOfLabel, type Browser, type Engine, type Tab, type Target } from "./browser.ts";

export const startChromium = (executablePath: string): Promise<Engine> =>
  startEngine({
    browser: "chrome",
    executablePath,
    // Chromium's sandbox does not start for root.
    args: [...(process.getuid?.() === 0 ? ["--no-sandbox"] : []), "--disable-gpu", "--no-first-run"],
  });

export const startFirefox = (executablePath: string): Promise<Engine> =>
  startEngine({ browser: "firefox", executablePath });

async function startEngine(options: LaunchOptions): Promise<Engine> {
  const program = await launch({
    ...options,
    headless: true,
    acceptInsecureCerts: true,
    defaultViewport: { width: 1280, height: 900 },
    timeout: 60_000,
    protocolTimeout: 60_000,
  });
  const pid = program.process()?.pid;
  const release = pid === undefined ? () => undefined : killWithParent(pid);
  return {
    newBrowser: async () => browserOf(await program.createBrowserContext()),
    stop: async () => {
      await program.close();
      release();
    },
  };
}

function browserOf(context: BrowserContext): Browser {
  const pages = new Map<Tab, Page>();
  return {
    newTab: async () => {
      const page = await context.newPage();
      const tab = tabOf(page);
      pages.set(tab, page);
      return tab;
    },
    cookies: async (tab) => {
      const { hostname } = new URL((await pages.get(tab)?.evaluate(() => location.href)) ?? "about:blank");
      const cookies = await context.cookies();
      return cookies
        .filter(({ domain }) => domain === hostname || (domain.startsWith(".") && hostname.endsWith(domain)))
        .map(({ name, value, domain, path, secure, httpOnly = false }) => ({
          ...{ name, value, domain, path, secure, httpOnly },
        }));
    },
    close: () => context.close(),
  };
}

function tabOf(page: Page): Tab {
  return {
    goTo: async (url) => void (await page.goto(url)),
    reload: async () => void (await page.reload()),
    goBack: async () => void (await page.goBack({ waitUntil: [] })),
    // page.url() may lag behind: it reports the last event.
    url: () => page.evaluate(() => location.href),
    text: () => page.evaluate(() => document.body.innerText),
    click: async (target) => {
      await page.bringToFront();
      await using element = await page.$(selectorOf(target));
      if (element === null) throw new Error(`No ${target.role} "${target.name}" on ${page.url()}.`);
      await element.scrollIntoView();
      await element.evaluate(waitForStableBox);
      await element.click();
    },
    fill: async (label, text) => {
      await page.bringToFront();
      await using handle = await page.evaluateHandle(fieldOfLabel, label);
      const field = handle.asElement() as ElementHandle<HTMLInputElement> | null;
      if (field === null) throw new Error(`No field "${label}" on ${page.url()}.`);
      await field.evaluate((input) => input.select());
      await field.type(text);
    },
    // Puppeteer's types unwrap element handles among the arguments; the arguments are JSON values only.
    evaluate: (run, ...args) => page.evaluate(run as never, ...args) as Promise<never>,
  };
}

/** Runs in the page: resolves once two consecutive frames show the element in the same box, so that a click hits it. */
async function waitForStableBox(element: Element): Promise<void> {
  const nextBox = () =>
    new Promise<string>((resolve) =>
      requestAnimationFrame(() => resolve(JSON.stringify(element.getBoundingClientRect()))),
    );
  for (let [previous, current] = ["", await nextBox()]; current !== previous;)
    [previous, current] = [current, await nextBox()];
}

const selectorOf = ({ role, name }: Target): string =>
  `::-p-aria([name=${JSON.stringify(name)}][role=${JSON.stringify(role)}])`;
