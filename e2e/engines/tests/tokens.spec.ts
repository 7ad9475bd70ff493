// Script access: page scripts can read no token, session id or cookie.
import { ALICE, call, expectText, logIn } from "../support/app.ts";
import { SESSION_COOKIE } from "@cloakroom/testing/leaks/secrets.ts";
import { expect, test } from "../support/test.ts";
import { collectScriptReadable } from "../support/script-readable.ts";

test("a script finds no token and no session id in storage, cookies, globals or the document", async ({
  tab,
  siblings,
  firstBrowser,
}) => {
  await tab.goTo(`${siblings.app}/profile`);
  await logIn(tab, ALICE);
  await expectText(tab, ALICE.sub);
  expect((await call(tab, "/bff/user")).status).toBe(200);
  // WebKit's driver omits Strict cookies for a document reached by a cross-site navigation.
  await tab.goTo(`${siblings.app}/profile`);
  await expectText(tab, ALICE.sub);
  const session = (await firstBrowser.cookies(tab)).find(({ name }) => name === SESSION_COOKIE);
  expect(session).toMatchObject({ httpOnly: true, secure: true, path: "/", domain: new URL(siblings.app).hostname });

  const { text, values } = await tab.evaluate(collectScriptReadable);
  // The traversal has reached the page's own objects.
  expect(values).toBeGreaterThan(500);
  expect(await tab.evaluate(() => document.cookie)).toBe("");
  const issued = siblings.system.provider.issuedTokens();
  const secrets = [session?.value ?? "", ...Object.values(issued).flat()];
  expect(secrets.length).toBeGreaterThan(4);
  expect(secrets.filter((secret) => secret === "" || text.includes(secret))).toEqual([]);
  expect(text).not.toMatch(/\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/);
});
