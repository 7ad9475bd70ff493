// Silent login at the start of a tab: when it navigates, and that it does so at most once.
import { expect, test } from "vitest";
import type { SilentLoginOffer } from "../src/server/user.ts";
import { attemptKey, startSilentLogin, type SilentLoginDependencies } from "../src/session/silent-login.ts";

function tab(offers: (SilentLoginOffer | null)[], change: Partial<SilentLoginDependencies> = {}) {
  const stored = new Map<string, string>();
  const opened: string[] = [];
  let checks = 0;
  const dependencies: SilentLoginDependencies = {
    offer: () => offers[Math.min(checks, offers.length - 1)] ?? null,
    check: () => {
      checks += 1;
      return Promise.resolve();
    },
    storage: () => ({
      getItem: (key) => stored.get(key) ?? null,
      setItem: (key, value) => void stored.set(key, value),
    }),
    isPrerendering: () => false,
    pathname: () => "/profile",
    returnPath: () => "/profile?tab=2#x",
    navigate: (url) => void opened.push(url),
    ...change,
  };
  return { dependencies, opened, stored, checks: () => checks };
}

const URL_OF_LOGIN = "/bff/login?prompt=none&returnTo=%2Fprofile%3Ftab%3D2%23x";

test("an offer starts one silent login that returns to the page", async () => {
  const { dependencies, opened, checks } = tab(["ready"]);
  await startSilentLogin(dependencies);
  await startSilentLogin(dependencies);
  expect([opened, checks()]).toEqual([[URL_OF_LOGIN], 0]);
});

test("a pending offer is checked once more", async () => {
  const { dependencies, opened, checks } = tab(["pending", "ready"]);
  await startSilentLogin(dependencies);
  expect([opened, checks()]).toEqual([[URL_OF_LOGIN], 1]);
});

test("a browser that stores no cookie stays on the page", async () => {
  const { dependencies, opened, checks } = tab(["pending", "pending"]);
  await startSilentLogin(dependencies);
  expect([opened, checks()]).toEqual([[], 1]);
});

test.each<[string, (SilentLoginOffer | null)[], Partial<SilentLoginDependencies>]>([
  ["without an offer", [null], {}],
  ["when the offer has gone", ["pending", null], {}],
  ["after a logout", ["ready"], { pathname: () => "/logged-out" }],
  ["in a prerendered page", ["ready"], { isPrerendering: () => true }],
  [
    "where the browser blocks storage",
    ["ready"],
    {
      storage: () => {
        throw new DOMException("denied", "SecurityError");
      },
    },
  ],
  [
    "where the storage keeps nothing",
    ["ready"],
    { storage: () => ({ getItem: () => null, setItem: () => undefined }) },
  ],
])("no silent login starts %s", async (_when, offers, change) => {
  const { dependencies, opened } = tab(offers, change);
  await startSilentLogin(dependencies);
  expect(opened).toEqual([]);
});

test("a tab without an offer keeps its attempt", async () => {
  const { dependencies, stored } = tab([null]);
  await startSilentLogin(dependencies);
  expect(stored.has(attemptKey)).toBe(false);
});
