// The first run of a user who follows the README, on http://localhost.
import {
  ALICE,
  call,
  enterPassword,
  expectText,
  GO_HOME,
  expectUrl,
  click,
  logIn,
  LOG_IN,
  TEXT,
} from "../support/app.ts";
import { EXPLANATIONS } from "../../../bff/src/errors.ts";
import { SPA_DIST } from "../../../demo/src/launcher/spa-build.ts";
import { startSystem } from "../../../demo/src/system.ts";
import { expect, test } from "../support/test.ts";

test("a user logs in from the front page, and a reload keeps the session", async ({ tab, demo }) => {
  await tab.goTo(demo.origin);
  await expectText(tab, TEXT.front);
  await logIn(tab, ALICE);
  await tab.reload();
  await expectText(tab, ALICE.name);
});

test("a login from a deep link leads back to it, and the API knows the user", async ({ tab, demo }) => {
  await tab.goTo(`${demo.origin}/profile`);
  await click(tab, LOG_IN);
  await enterPassword(tab, ALICE);
  await expectUrl(tab, `${demo.origin}/profile`);
  await expectText(tab, ALICE.sub);
  const { status, body } = await call(tab, "/api/protected?message=probe");
  expect([status, body.user?.preferred_username]).toEqual([200, "alice"]);
});

test("a user who logs in at 127.0.0.1 is led to localhost and logged in there", async ({ tab, demo }) => {
  await tab.goTo(demo.origin.replace("localhost", "127.0.0.1"));
  await expectUrl(tab, `${demo.origin}/`);
  await logIn(tab, ALICE);
});

test("without the launcher's setting a browser that drops Secure cookies gets a page that says so and offers no retry", async ({
  tab,
  engineName,
}) => {
  const system = await startSystem({ spaRoot: SPA_DIST, gatewayEnv: { INSECURE_COOKIES: "never" } });
  try {
    await tab.goTo(system.origin);
    await click(tab, LOG_IN);
    await enterPassword(tab, ALICE);
    if (engineName !== "webkit") return await expectText(tab, ALICE.name);
    await expectText(tab, EXPLANATIONS.secure_cookie_not_stored.detail);
    expect(await tab.text()).not.toContain(TEXT.tryAgain);
    await click(tab, GO_HOME);
    await expectUrl(tab, `${system.origin}/`);
    await expectText(tab, TEXT.front);
  } finally {
    await system.stop();
  }
});
