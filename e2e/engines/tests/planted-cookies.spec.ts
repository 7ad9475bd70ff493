// Cookie injection: a compromised sibling host sets cookies for the whole site, by header and by script. Chromium and
// Firefox enforce the `__Host-` prefix and reject cookies with a name of the gateway's, but store and send names and
// values that contain one. WebKitGTK with libsoup 3.2.3 enforces no prefix and stores these names too, nameless pairs
// included: docs/reference/security-model.md describes the limits there. `npm run e2e:engines -- --reporter=html` lists
// for each form whether the engine sends it.
import {
  ADMIN,
  ALICE,
  call,
  click,
  enterPassword,
  expectText,
  expectUrl,
  GO_HOME,
  LOG_IN,
  logIn,
  LOG_OUT,
  TEXT,
} from "../support/app.ts";
import type { Browser, Tab } from "../support/browser.ts";
import { EXACT, expiredLine, FORGERIES, PATHS, plantedLine } from "../support/planted-cookies.ts";
import { SESSION_COOKIE } from "@cloakroom/testing/leaks/secrets.ts";
import type { SiblingHosts } from "../support/sibling-hosts.ts";
import { expect, test } from "../support/test.ts";

const LOGIN_COOKIE_PREFIX = "__Host-Http-login-";

test.setTimeout(150_000);

test("a planted cookie never replaces the session of a logged-in user", async ({
  tab,
  newTab,
  newBrowser,
  siblings,
}) => {
  const attackerSessionId = await createAttackerSession(newBrowser, siblings);
  await tab.goTo(siblings.app);
  await logIn(tab, ALICE);
  const evilTab = await newTab();
  await evilTab.goTo(siblings.evil);
  const own = await sentCookies(tab, siblings);
  for (const [form, forge] of Object.entries(FORGERIES)) {
    const lines = linesOf(forge(SESSION_COOKIE, attackerSessionId), siblings);
    await plant(evilTab, lines);
    expect.soft((await call(tab, "/bff/user")).body.user?.sub, form).not.toBe(ADMIN.sub);
    annotate(form, siblings.cookieHeaders.at(-1) === own ? "not sent" : "sent");
    await plant(evilTab, lines.map(expiredLine));
    expect.soft((await call(tab, "/bff/user")).body.user?.sub, `after removal: ${form}`).toBe(ALICE.sub);
  }
});

test("a planted cookie does not select the attacker's session for an anonymous user", async ({
  tab,
  newTab,
  newBrowser,
  siblings,
}) => {
  const attackerSessionId = await createAttackerSession(newBrowser, siblings);
  await tab.goTo(siblings.app);
  const evilTab = await newTab();
  await evilTab.goTo(siblings.evil);
  const isHarmless = await harmlessForms(tab, evilTab, siblings);
  for (const [form, forge] of Object.entries(FORGERIES).filter(([each]) => isHarmless(each))) {
    const lines = linesOf(forge(SESSION_COOKIE, attackerSessionId), siblings);
    await plant(evilTab, lines);
    expect.soft((await call(tab, "/bff/user")).body.user ?? null, form).toBeNull();
    await plant(evilTab, lines.map(expiredLine));
  }
});

test("a planted login cookie does not complete the attacker's login in the user's browser", async ({
  tab,
  newTab,
  newBrowser,
  siblings,
}) => {
  const { address, name, value } = await startAttackerLogin(newBrowser, siblings);
  await tab.goTo(siblings.app);
  const evilTab = await newTab();
  await evilTab.goTo(siblings.evil);
  const isHarmless = await harmlessForms(tab, evilTab, siblings);
  for (const [form, forge] of Object.entries(FORGERIES).filter(([each]) => isHarmless(each))) {
    const lines = linesOf(forge(name, value), siblings);
    await plant(evilTab, lines);
    // A same-origin navigation, so that Strict cookies are sent. A rejected callback leaves the attacker's login pending.
    await tab.evaluate((callback) => location.assign(callback), address);
    await expectUrl(tab, address);
    await expectText(tab, GO_HOME.name);
    await plant(evilTab, lines.map(expiredLine));
    await tab.goTo(siblings.app);
    expect.soft((await call(tab, "/bff/user")).body.user ?? null, form).toBeNull();
  }
});

test("login and logout succeed while a sibling host plants cookies of every form", async ({
  tab,
  newTab,
  siblings,
}) => {
  const evilTab = await newTab();
  await evilTab.goTo(siblings.evil);
  const lines = Object.values(FORGERIES).flatMap((forge) => linesOf(forge(SESSION_COOKIE, "a".repeat(43)), siblings));
  await plant(evilTab, lines);
  await openApp(tab, siblings);
  await click(tab, LOG_IN);
  await enterPassword(tab, ALICE);
  await expectText(tab, ALICE.name);
  await plant(evilTab, lines);
  await openApp(tab, siblings);
  await expectText(tab, ALICE.name);
  await click(tab, LOG_OUT);
  await expectText(tab, TEXT.loggedOut);
});

/** The cookie for the whole site, once per path. */
function linesOf(pair: string, { site: domain }: SiblingHosts): string[] {
  return PATHS.map((path) => plantedLine({ pair, domain, path }));
}

/** Sets the cookies by Set-Cookie and by document.cookie, from a page of the sibling host. */
async function plant(evilTab: Tab, lines: readonly string[]): Promise<void> {
  await evilTab.evaluate(async (cookies) => {
    await fetch(`/?${new URLSearchParams(cookies.map((cookie) => ["set", cookie])).toString()}`);
    for (const cookie of cookies) document.cookie = cookie;
  }, lines);
}

/** @returns the Cookie header of a request of the app */
async function sentCookies(tab: Tab, { cookieHeaders }: SiblingHosts): Promise<string> {
  await call(tab, "/bff/user");
  return cookieHeaders.at(-1) ?? "";
}

/** The gateway expires planted cookies and shows a page that asks to open it again; the second request succeeds. */
async function openApp(tab: Tab, { app }: SiblingHosts): Promise<void> {
  await tab.goTo(app);
  if ((await tab.text()).includes(TEXT.openAgain)) await tab.goTo(app);
}

/** @returns which forms must have no effect: all where prefixes are enforced, else all but the exact names */
async function harmlessForms(tab: Tab, evilTab: Tab, siblings: SiblingHosts): Promise<(form: string) => boolean> {
  const probe = "__Host-Http-probe=1";
  await plant(evilTab, linesOf(probe, siblings));
  const enforcesPrefixes = !(await sentCookies(tab, siblings)).includes(probe);
  annotate("enforces cookie prefixes", String(enforcesPrefixes));
  return (form) => enforcesPrefixes || !EXACT.has(form);
}

/** Adds a line to Playwright's HTML report. */
function annotate(type: string, description: string): void {
  test.info().annotations.push({ type, description });
}

/** Logs the attacker in, in another browser. @returns the session id */
async function createAttackerSession(newBrowser: () => Promise<Browser>, { app }: SiblingHosts): Promise<string> {
  const browser = await newBrowser();
  const tab = await browser.newTab();
  await tab.goTo(app);
  await logIn(tab, ADMIN);
  // WebKit's driver omits Strict cookies for a document reached by a cross-site navigation.
  await tab.goTo(app);
  const session = (await browser.cookies(tab)).find(({ name }) => name === SESSION_COOKIE);
  expect(session?.value).toHaveLength(43);
  return session?.value ?? "";
}

/** Logs the attacker in at the provider. @returns the pending callback URL and the cookie of the login attempt */
async function startAttackerLogin(newBrowser: () => Promise<Browser>, siblings: SiblingHosts) {
  const browser = await newBrowser();
  const tab = await browser.newTab();
  await tab.goTo(`${siblings.app}/bff/login`);
  const callback = siblings.holdNextCallback();
  await enterPassword(tab, ADMIN);
  const address = await callback;
  await expectUrl(tab, address);
  const login = (await browser.cookies(tab)).find(({ name }) => name.startsWith(LOGIN_COOKIE_PREFIX));
  expect(login).toBeDefined();
  return { address, name: login?.name ?? "", value: login?.value ?? "" };
}
