// Logout: ends the session at the gateway and at the provider, and removes the user's data from the page.
import {
  ALICE,
  call,
  click,
  enterPassword,
  eventually,
  expectNoUserData,
  expectText,
  expectUrl,
  logIn,
  LOG_IN,
  LOG_OUT,
  TEXT,
} from "../support/app.ts";
import type { Tab } from "../support/browser.ts";
import { expect, test } from "../support/test.ts";

const METHODS: Record<string, (tab: Tab) => Promise<void>> = {
  "the app's button": (tab) => click(tab, LOG_OUT),
  "a form": (tab) =>
    tab.evaluate(() => {
      const form = document.createElement("form");
      form.method = "post";
      form.action = "/bff/logout";
      document.body.append(form);
      form.submit();
    }),
};

test.beforeEach(async ({ tab, demo }) => {
  await tab.goTo(demo.origin);
  await logIn(tab, ALICE);
});

for (const [method, logOut] of Object.entries(METHODS))
  test(`a logout by ${method} returns to the app, and the next login asks for the password`, async ({ tab, demo }) => {
    await logOut(tab);
    await expectUrl(tab, `${demo.origin}/logged-out`);
    await expectText(tab, TEXT.loggedOut);
    await expectNoUserData(tab, ALICE);
    expect((await call(tab, "/api/protected?message=probe")).status).toBe(401);
    await click(tab, LOG_IN);
    await enterPassword(tab, ALICE);
    await expectText(tab, ALICE.name);
  });

test("the back button after a logout shows no user data", async ({ tab, demo }) => {
  await tab.goTo(`${demo.origin}/profile`);
  await expectText(tab, ALICE.sub);
  await click(tab, LOG_OUT);
  await expectUrl(tab, `${demo.origin}/logged-out`);
  await expectText(tab, TEXT.loggedOut);
  await tab.goBack();
  await eventually(async () => {
    expect(await tab.url()).toBe(`${demo.origin}/profile`);
    expect(await tab.text()).toContain(TEXT.loginLink);
    await expectNoUserData(tab, ALICE);
  });
});
