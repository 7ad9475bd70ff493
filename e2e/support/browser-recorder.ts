// Records what a browser exposes during a test: console lines, script errors, CSP violations and addresses.
import { expect, type BrowserContext, type ConsoleMessage, type Page } from "@playwright/test";
import type { SearchedText } from "./secrets.ts";

export type BrowserRecord = {
  /** Each line with the logged values in full: Chromium shortens long ones in the line's text. */
  readonly console: Promise<string>[];
  readonly scriptErrors: string[];
  readonly violations: Violation[];
  /** The address of every request and every document, fragments included. */
  readonly addresses: Set<string>;
};

export type Violation = { directive: string; blocked: string; page: string };

const BINDING = "reportViolation";

export async function recordBrowser(context: BrowserContext): Promise<BrowserRecord> {
  const record: BrowserRecord = { console: [], scriptErrors: [], violations: [], addresses: new Set() };
  context.on("console", (message) => record.console.push(wholeLine(message)));
  context.on("weberror", (error) => record.scriptErrors.push(String(error.error())));
  context.on("request", (request) => record.addresses.add(request.url()));
  context.on("page", (page) => page.on("framenavigated", (frame) => record.addresses.add(frame.url())));
  await context.exposeBinding(BINDING, (_source, violation: Violation) => void record.violations.push(violation));
  await context.addInitScript((binding) => {
    document.addEventListener("securitypolicyviolation", (event) => {
      const report = (window as unknown as Record<string, (violation: object) => void>)[binding];
      report?.({ directive: event.effectiveDirective, blocked: event.blockedURI, page: event.documentURI });
    });
  }, BINDING);
  return record;
}

async function wholeLine(message: ConsoleMessage): Promise<string> {
  // Chromium discards the logged values of a page that was left.
  const values = message.args().map((value) => value.jsonValue().catch(() => "gone"));
  return JSON.stringify([message.type(), message.text(), await Promise.all(values)]);
}

/** Everything that a script of the page can read, and its document; nothing for a page of another origin. */
export async function textsOfPage(page: Page, origin: string): Promise<SearchedText[]> {
  let texts: SearchedText[] = [];
  // A navigation in progress discards the document while it is read; the next one is read instead.
  await expect(async () => {
    texts = page.url().startsWith(origin) ? await readPage(page) : [];
  }).toPass({ timeout: 15_000 });
  return texts;
}

async function readPage(page: Page): Promise<SearchedText[]> {
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
  // A failed callback keeps its address, which contains the code.
  const text = path === "/bff/callback" ? readable.replaceAll(page.url(), "") : readable;
  return [
    { location: `storage, cookies and history that scripts of ${path} can read`, text },
    { location: `document of ${path}`, text: await page.content() },
  ];
}

/** @param origin of the gateway; addresses of other origins and callbacks are not searched */
export async function textsOfRecord(record: BrowserRecord, origin: string): Promise<SearchedText[]> {
  const gatewayAddresses = [...record.addresses].filter(
    (address) => address.startsWith(origin) && !address.includes("/bff/callback"),
  );
  return [
    ...(await Promise.all(record.console)).map((text) => ({ location: "console", text })),
    ...record.scriptErrors.map((text) => ({ location: "script error", text })),
    ...gatewayAddresses.map((text) => ({ location: "address", text })),
  ];
}
