// Login on http://localhost, as in the README's quick start.
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
import { EXPLANATIONS } from "@cloakroom/gateway/src/errors.ts";
import { SPA_DIST } from "@cloakroom/demo/launcher/spa-build.ts";
import { startSystem } from "@cloakroom/demo/system.ts";
import { expect, test } from "../support/test.ts";

test("a login from the front page creates a session that survives a reload", async ({ tab, demo }) => {
  await tab.goTo(demo.origin);
  await expectText(tab, TEXT.front);
  await logIn(tab, ALICE);
  await tab.reload();
  await expectText(tab, ALICE.name);
});

test("a login from a deep link returns to it, and the API receives the user's token", async ({ tab, demo }) => {
  await tab.goTo(`${demo.origin}/profile`);
  await click(tab, LOG_IN);
  await enterPassword(tab, ALICE);
  await expectUrl(tab, `${demo.origin}/profile`);
  await expectText(tab, ALICE.sub);
  const { status, body } = await call(tab, "/api/protected?message=probe");
  expect([status, body.user?.preferred_username]).toEqual([200, "alice"]);
});

test("a request for 127.0.0.1 is redirected to localhost, where the login succeeds", async ({ tab, demo }) => {
  await tab.goTo(demo.origin.replace("localhost", "127.0.0.1"));
  await expectUrl(tab, `${demo.origin}/`);
  await logIn(tab, ALICE);
});

test("with INSECURE_COOKIES=never, a browser that drops Secure cookies gets an error page without a retry link", async ({
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
