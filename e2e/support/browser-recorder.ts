// What a browser shows of itself while a test runs: console lines, errors of scripts, violations of the CSP.
import { expect, type BrowserContext, type ConsoleMessage, type Page } from "@playwright/test";
import type { Haystack } from "./secrets.ts";

export type Watch = {
  /** Each line with the values that were logged: their text shows only the beginning of a long one. */
  readonly console: Promise<string>[];
  readonly scriptErrors: string[];
  readonly violations: Violation[];
  /** Addresses of every request and every page, fragments included. */
  readonly addresses: Set<string>;
};

export type Violation = { directive: string; blocked: string; page: string };

const BINDING = "reportViolation";

export async function watch(context: BrowserContext): Promise<Watch> {
  const seen: Watch = { console: [], scriptErrors: [], violations: [], addresses: new Set() };
  context.on("console", (message) => seen.console.push(wholeLine(message)));
  context.on("weberror", (error) => seen.scriptErrors.push(String(error.error())));
  context.on("request", (request) => seen.addresses.add(request.url()));
  context.on("page", (page) => page.on("framenavigated", (frame) => seen.addresses.add(frame.url())));
  await context.exposeBinding(BINDING, (_source, violation: Violation) => void seen.violations.push(violation));
  await context.addInitScript((binding) => {
    document.addEventListener("securitypolicyviolation", (event) => {
      const report = (window as unknown as Record<string, (violation: object) => void>)[binding];
      report?.({ directive: event.effectiveDirective, blocked: event.blockedURI, page: event.documentURI });
    });
  }, BINDING);
  return seen;
}

async function wholeLine(message: ConsoleMessage): Promise<string> {
  // A page that was left has taken its values along.
  const values = message.args().map((value) => value.jsonValue().catch(() => "gone"));
  return JSON.stringify([message.type(), message.text(), await Promise.all(values)]);
}

/** Everything that a script of the page could read, and everything on it. */
export async function haystacksOfPage(page: Page): Promise<Haystack[]> {
  let haystacks: Haystack[] = [];
  // A navigation in progress discards the document that is being read: the next one is read instead.
  await expect(async () => {
    haystacks = await readPage(page);
  }).toPass({ timeout: 15_000 });
  return haystacks;
}

async function readPage(page: Page): Promise<Haystack[]> {
  const readable = await page.evaluate(async () => {
    const cacheNames = typeof caches === "undefined" ? [] : await caches.keys();
    const databases = typeof indexedDB === "undefined" ? [] : await indexedDB.databases();
    return JSON.stringify([
      Object.entries(localStorage),
      Object.entries(sessionStorage),
      document.cookie,
      cacheNames,
      databases,
      history.state,
      window.name,
      document.referrer,
      performance.getEntries().map(({ name }) => name),
    ]);
  });
  const path = new URL(page.url()).pathname;
  // A callback that failed stays in the address bar, with the code that the provider put there.
  const text = path === "/bff/callback" ? readable.replaceAll(page.url(), "") : readable;
  return [
    { where: `storage, cookies and history that scripts of ${path} can read`, text },
    { where: `document of ${path}`, text: await page.content() },
  ];
}

/** @param origin the gateway's: the provider's own addresses are its own business, and so is the way back from it */
export async function haystacksOfWatch(seen: Watch, origin: string): Promise<Haystack[]> {
  const ours = [...seen.addresses].filter(
    (address) => address.startsWith(origin) && !address.includes("/bff/callback"),
  );
  return [
    ...(await Promise.all(seen.console)).map((text) => ({ where: "console", text })),
    ...seen.scriptErrors.map((text) => ({ where: "error of a script", text })),
    ...ours.map((text) => ({ where: "address", text })),
  ];
}
