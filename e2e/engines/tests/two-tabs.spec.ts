// Two tabs of one browser: what happens to the session in one of them reaches the other.
import {
  ADMIN,
  ALICE,
  call,
  click,
  enterPassword,
  expectNothingOf,
  expectText,
  logIn,
  LOG_OUT,
  TEXT,
} from "../support/app.ts";
import type { Tab } from "../support/browser.ts";
import { expect, test } from "../support/test.ts";

/** At a provider that still knows who logged in last. */
const LOG_IN_AGAIN = "/bff/login?prompt=login&returnTo=/profile";

let second: Tab;

test.beforeEach(async ({ tab, demo, newTab }) => {
  await tab.goTo(`${demo.origin}/profile`);
  await expectText(tab, TEXT.loginOffer);
  second = await newTab();
});

test("a tab that waited during the login shows the user", async ({ tab, demo }) => {
  await second.goTo(demo.origin);
  await logIn(second, ALICE);
  await expectText(tab, ALICE.sub);
});

test("a tab goes on when the same user logs in again in another tab", async ({ tab, demo }) => {
  await logIn(tab, ALICE);
  await second.goTo(demo.origin + LOG_IN_AGAIN);
  await enterPassword(second, ALICE);
  await expectText(second, ALICE.sub);
  await expectText(tab, ALICE.sub);
  expect(await tab.text()).not.toContain(TEXT.sessionEnded);
  expect((await call(tab, "/api/protected?message=probe")).body.user?.sub).toBe(ALICE.sub);
});

test("a tab shows the other user who logs in in another tab, and nothing of the first", async ({ tab, demo }) => {
  await logIn(tab, ALICE);
  await second.goTo(demo.origin + LOG_IN_AGAIN);
  await enterPassword(second, ADMIN);
  await expectText(second, ADMIN.sub);
  await expectText(tab, ADMIN.sub);
  await expectNothingOf(tab, ALICE);
  expect((await call(tab, "/api/protected?message=probe")).body.user?.sub).toBe(ADMIN.sub);
});

test("a logout in one tab reaches the other", async ({ tab, demo }) => {
  await logIn(tab, ALICE);
  await second.goTo(demo.origin);
  await expectText(second, ALICE.name);
  await click(second, LOG_OUT);
  await expectText(second, TEXT.loggedOut);
  await expectText(tab, TEXT.loggedOutElsewhere);
  await expectNothingOf(tab, ALICE);
});
