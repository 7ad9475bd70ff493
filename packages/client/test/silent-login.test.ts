// Silent login at the start of a tab: when it navigates, and that it does so at most once.
import { expect, test } from "vitest";
import type { SilentLoginOffer } from "../src/user.ts";
import type { PageWindow } from "../src/page-window.ts";
import { attemptKey, startSilentLogin } from "../src/silent-login.ts";
import { initialState } from "../src/session-state.ts";
import { anonymous } from "../src/user.ts";

type Page = Pick<PageWindow, "document" | "sessionStorage">;

function tab(offers: (SilentLoginOffer | null)[], change: Partial<Page> = {}) {
  const stored = new Map<string, string>();
  const opened: string[] = [];
  let checks = 0;
  const store = {
    getState: () => ({ ...initialState, ...anonymous(offers[Math.min(checks, offers.length - 1)]) }),
    check: () => {
      checks += 1;
      return Promise.resolve();
    },
  };
  const page: Page = {
    document: pageDocument,
    sessionStorage: {
      getItem: (key) => stored.get(key) ?? null,
      setItem: (key, value) => void stored.set(key, value),
      removeItem: () => undefined,
    },
    ...change,
  };
  const start = (on = page) => startSilentLogin(on, store, () => void opened.push(SILENT_LOGIN));
  return { start, opened, stored, checks: () => checks };
}

const SILENT_LOGIN = "silent login";
const pageDocument = { baseURI: "https://app.example/", visibilityState: "visible" } as const;
const blockedStorage: Page = {
  document: pageDocument,
  get sessionStorage(): Page["sessionStorage"] {
    throw new DOMException("denied", "SecurityError");
  },
};

test("an offer starts one silent login that returns to the page", async () => {
  const { start, opened, checks } = tab(["ready"]);
  await start();
  await start();
  expect([opened, checks()]).toEqual([[SILENT_LOGIN], 0]);
});

test("a pending offer is checked once more", async () => {
  const { start, opened, checks } = tab(["pending", "ready"]);
  await start();
  expect([opened, checks()]).toEqual([[SILENT_LOGIN], 1]);
});

test("a browser that stores no cookie stays on the page", async () => {
  const { start, opened, checks } = tab(["pending", "pending"]);
  await start();
  expect([opened, checks()]).toEqual([[], 1]);
});

test.each<[string, (SilentLoginOffer | null)[], Partial<Page>]>([
  ["without an offer", [null], {}],
  ["when the offer has gone", ["pending", null], {}],
  ["in a prerendered page", ["ready"], { document: { ...pageDocument, prerendering: true } }],
  [
    "where the storage keeps nothing",
    ["ready"],
    { sessionStorage: { getItem: () => null, setItem: () => undefined, removeItem: () => undefined } },
  ],
])("no silent login starts %s", async (_when, offers, change) => {
  const { start, opened } = tab(offers, change);
  await start();
  expect(opened).toEqual([]);
});

test("a tab without an offer keeps its attempt", async () => {
  const { start, stored } = tab([null]);
  await start();
  expect(stored.has(attemptKey)).toBe(false);
});

test("no silent login starts where the browser blocks storage", async () => {
  const { start, opened } = tab(["ready"]);
  await start(blockedStorage);
  expect(opened).toEqual([]);
});
