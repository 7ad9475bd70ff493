// Two tabs of one browser: a login or logout in one tab updates the other.
import {
  ADMIN,
  ALICE,
  call,
  click,
  enterPassword,
  expectNoUserData,
  expectText,
  logIn,
  LOG_OUT,
  TEXT,
} from "../support/app.ts";
import type { Tab } from "../support/browser.ts";
import { expect, test } from "../support/test.ts";

/** prompt=login: the provider asks for the password although it has a session. */
const LOG_IN_AGAIN = "/bff/login?prompt=login&returnTo=/profile";

let second: Tab;

test.beforeEach(async ({ tab, demo, newTab }) => {
  await tab.goTo(`${demo.origin}/profile`);
  await expectText(tab, TEXT.loginLink);
  second = await newTab();
});

test("an open tab shows the user after a login in another tab", async ({ tab, demo }) => {
  await second.goTo(demo.origin);
  await logIn(second, ALICE);
  await expectText(tab, ALICE.sub);
});

test("a second login of the same user in another tab keeps the tab logged in", async ({ tab, demo }) => {
  await logIn(tab, ALICE);
  await second.goTo(demo.origin + LOG_IN_AGAIN);
  await enterPassword(second, ALICE);
  await expectText(second, ALICE.sub);
  await expectText(tab, ALICE.sub);
  expect(await tab.text()).not.toContain(TEXT.sessionEnded);
  expect((await call(tab, "/api/protected?message=probe")).body.user?.sub).toBe(ALICE.sub);
});

test("a login of another user in another tab replaces the user in this tab", async ({ tab, demo }) => {
  await logIn(tab, ALICE);
  await second.goTo(demo.origin + LOG_IN_AGAIN);
  await enterPassword(second, ADMIN);
  await expectText(second, ADMIN.sub);
  await expectText(tab, ADMIN.sub);
  await expectNoUserData(tab, ALICE);
  expect((await call(tab, "/api/protected?message=probe")).body.user?.sub).toBe(ADMIN.sub);
});

test("a logout in one tab removes the user from the other tab", async ({ tab, demo }) => {
  await logIn(tab, ALICE);
  await second.goTo(demo.origin);
  await expectText(second, ALICE.name);
  await click(second, LOG_OUT);
  await expectText(second, TEXT.loggedOut);
  await expectText(tab, TEXT.loggedOutElsewhere);
  await expectNoUserData(tab, ALICE);
});
