// What scripts of the app's origin can read in a browser: storage, cookies, caches, history, and the document.
import { setTimeout as wait } from "node:timers/promises";
import type { BrowserContext, Frame, Page } from "@playwright/test";
import type { SearchedText } from "./exchange.ts";

const READ_TIMEOUT_MS = 15_000;

/** The storage of every origin that the context has visited, also of closed pages; cookies without HttpOnly. */
export async function textsOfContext(context: BrowserContext): Promise<SearchedText[]> {
  const { cookies, origins } = await context
    .storageState({ indexedDB: true })
    // A value that Playwright cannot serialize, such as a CryptoKey.
    .catch(() => context.storageState());
  return [
    ...cookies
      .filter(({ httpOnly }) => !httpOnly)
      .map(({ name, domain, value }) => ({
        location: `cookie ${name} of ${domain}, readable by scripts`,
        text: value,
      })),
    ...origins.flatMap(({ origin, ...storage }) => textsOfStorage(origin, storage)),
  ];
}

type Storage = Omit<Awaited<ReturnType<BrowserContext["storageState"]>>["origins"][number], "origin"> & {
  indexedDB?: unknown;
};

function textsOfStorage(origin: string, { localStorage, indexedDB = [] }: Storage): SearchedText[] {
  return [
    ...localStorage.map(({ name, value }) => ({ location: `localStorage of ${origin}`, text: `${name}\n${value}` })),
    // A secret may be split across entries.
    {
      location: `localStorage of ${origin}`,
      text: localStorage
        .toSorted(byName)
        .map(({ value }) => value)
        .join(""),
    },
    { location: `IndexedDB of ${origin}`, text: JSON.stringify(indexedDB) },
  ];
}

const byName = (first: { name: string }, second: { name: string }): number =>
  first.name.localeCompare(second.name, "en", { numeric: true });

/** Everything that a script of the page can read, and its documents; nothing for pages of other origins. */
export async function textsOfPage(page: Page, origin: string): Promise<SearchedText[]> {
  const giveUpAtMs = Date.now() + READ_TIMEOUT_MS;
  for (;;) {
    try {
      const frames = page.frames().filter((frame) => isOf(origin, frame.url()));
      return (await Promise.all(frames.map(readFrame))).flat();
    } catch (error) {
      if (page.isClosed()) return [];
      // A navigation in progress discards the document while it is read; the next one is read instead.
      if (Date.now() > giveUpAtMs) throw error;
      await wait(100);
    }
  }
}

const isOf = (origin: string, url: string): boolean => URL.canParse(url) && new URL(url).origin === origin;

async function readFrame(frame: Frame): Promise<SearchedText[]> {
  const { state, cached } = await frame.evaluate(readInPage);
  const path = new URL(frame.url()).pathname;
  // A failed callback keeps its address, which contains the code.
  const text = path === "/bff/callback" ? state.replaceAll(frame.url(), "") : state;
  return [
    { location: `storage, cookies and history that scripts of ${path} can read`, text },
    ...cached.map((entry) => ({ location: `cache storage (${entry.name})`, text: entry.text })),
    { location: `document of ${path}`, text: await frame.content() },
  ];
}

/** What `readInPage` uses of a window. The types of the DOM are not loaded in Node programs. */
type PageGlobals = {
  caches?: {
    keys(): Promise<string[]>;
    open(name: string): Promise<{
      keys(): Promise<readonly { url: string }[]>;
      match(request: { url: string }): Promise<Response | undefined>;
    }>;
  };
  indexedDB?: { databases(): Promise<unknown[]> };
  localStorage: Record<string, string>;
  sessionStorage: Record<string, string>;
  document: { cookie: string; referrer: string };
  history: { state: unknown };
  name: string;
  performance: { getEntries(): { name: string }[] };
};

/** Runs in the page, so it refers to nothing outside. */
async function readInPage(): Promise<{ state: string; cached: { name: string; text: string }[] }> {
  const page = globalThis as unknown as PageGlobals;
  const cached: { name: string; text: string }[] = [];
  for (const name of (await page.caches?.keys()) ?? []) {
    const cache = await page.caches?.open(name);
    for (const request of (await cache?.keys()) ?? []) {
      const response = await cache?.match(request);
      const headers = JSON.stringify([...(response?.headers ?? [])]);
      cached.push({ name, text: [request.url, headers, await response?.text()].join("\n") });
    }
  }
  const state = JSON.stringify([
    Object.entries(page.localStorage),
    Object.entries(page.sessionStorage),
    page.document.cookie,
    (await page.indexedDB?.databases()) ?? [],
    page.history.state,
    page.name,
    page.document.referrer,
    page.performance.getEntries().map(({ name }) => name),
  ]);
  return { state, cached };
}
