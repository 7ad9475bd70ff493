// A sibling host was taken over and sets cookies for the whole site, by header and by script. Chromium and Firefox
// take no cookie of ours from it, since they enforce the `__Host-` prefix, but they store and send values and names
// that contain ours. WebKitGTK with libsoup 3.2.3 enforces no prefix and takes our very names, nameless pairs
// included: docs/reference/security-model.md says what holds there. `npm run e2e:engines -- --reporter=html` shows for each form
// whether the engine sends it.
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
import { EXACT, expired, FORGERIES, PATHS, plantedLine } from "../support/planted-cookies.ts";
import { SESSION_COOKIE } from "../../support/secrets.ts";
import type { Siblings } from "../support/siblings.ts";
import { expect, test } from "../support/test.ts";

const LOGIN_COOKIE_PREFIX = "__Host-Http-login-";

test.setTimeout(150_000);

test("a planted cookie never selects the attacker's session where the user has one", async ({
  tab,
  newTab,
  newBrowser,
  siblings,
}) => {
  const stolen = await attackerSession(newBrowser, siblings);
  await tab.goTo(siblings.app);
  await logIn(tab, ALICE);
  const evilTab = await newTab();
  await evilTab.goTo(siblings.evil);
  const own = await sentCookies(tab, siblings);
  for (const [form, forge] of Object.entries(FORGERIES)) {
    const lines = linesOf(forge(SESSION_COOKIE, stolen), siblings);
    await plant(evilTab, lines);
    expect.soft((await call(tab, "/bff/user")).body.user?.sub, form).not.toBe(ADMIN.sub);
    note(form, siblings.cookieHeaders.at(-1) === own ? "not sent" : "sent");
    await plant(evilTab, lines.map(expired));
    expect.soft((await call(tab, "/bff/user")).body.user?.sub, `after: ${form}`).toBe(ALICE.sub);
  }
});

test("a planted cookie does not select the attacker's session where the user has none", async ({
  tab,
  newTab,
  newBrowser,
  siblings,
}) => {
  const stolen = await attackerSession(newBrowser, siblings);
  await tab.goTo(siblings.app);
  const evilTab = await newTab();
  await evilTab.goTo(siblings.evil);
  const isSafe = await isSafeForm(tab, evilTab, siblings);
  for (const [form, forge] of Object.entries(FORGERIES).filter(([each]) => isSafe(each))) {
    const lines = linesOf(forge(SESSION_COOKIE, stolen), siblings);
    await plant(evilTab, lines);
    expect.soft((await call(tab, "/bff/user")).body.user ?? null, form).toBeNull();
    await plant(evilTab, lines.map(expired));
  }
});

test("a planted login cookie does not complete the attacker's login", async ({ tab, newTab, newBrowser, siblings }) => {
  const { address, name, value } = await attackerLogin(newBrowser, siblings);
  await tab.goTo(siblings.app);
  const evilTab = await newTab();
  await evilTab.goTo(siblings.evil);
  const isSafe = await isSafeForm(tab, evilTab, siblings);
  for (const [form, forge] of Object.entries(FORGERIES).filter(([each]) => isSafe(each))) {
    const lines = linesOf(forge(name, value), siblings);
    await plant(evilTab, lines);
    // From a page of ours, as after the provider's redirect: the attempt stays open as long as no cookie opens it.
    await tab.evaluate((callback) => location.assign(callback), address);
    await expectUrl(tab, address);
    await expectText(tab, GO_HOME.name);
    await plant(evilTab, lines.map(expired));
    await tab.goTo(siblings.app);
    expect.soft((await call(tab, "/bff/user")).body.user ?? null, form).toBeNull();
  }
});

test("a user logs in and out although a sibling host plants cookies of every form", async ({
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

/** On every path, for the whole site. */
function linesOf(pair: string, { site: domain }: Siblings): string[] {
  return PATHS.map((path) => plantedLine({ pair, domain, path }));
}

/** By header and by script, from a page of the sibling host. */
async function plant(evilTab: Tab, lines: readonly string[]): Promise<void> {
  await evilTab.evaluate(async (cookies) => {
    await fetch(`/?${new URLSearchParams(cookies.map((cookie) => ["set", cookie])).toString()}`);
    for (const cookie of cookies) document.cookie = cookie;
  }, lines);
}

/** The Cookie header of a request that a page of the app sends. */
async function sentCookies(tab: Tab, { cookieHeaders }: Siblings): Promise<string> {
  await call(tab, "/bff/user");
  return cookieHeaders.at(-1) ?? "";
}

/** The gateway removes what was planted and asks the user to open the page again: once is enough. */
async function openApp(tab: Tab, { app }: Siblings): Promise<void> {
  await tab.goTo(app);
  if ((await tab.text()).includes(TEXT.openAgain)) await tab.goTo(app);
}

/** @returns whether a form must be without effect: every one where prefixes are enforced, else all but our very names */
async function isSafeForm(tab: Tab, evilTab: Tab, siblings: Siblings): Promise<(form: string) => boolean> {
  const probe = "__Host-Http-probe=1";
  await plant(evilTab, linesOf(probe, siblings));
  const enforcesPrefixes = !(await sentCookies(tab, siblings)).includes(probe);
  note("enforces cookie prefixes", String(enforcesPrefixes));
  return (form) => enforcesPrefixes || !EXACT.has(form);
}

/** Shown by Playwright's HTML report. */
function note(type: string, description: string): void {
  test.info().annotations.push({ type, description });
}

/** Of the attacker's own login in another browser. */
async function attackerSession(newBrowser: () => Promise<Browser>, { app }: Siblings): Promise<string> {
  const browser = await newBrowser();
  const tab = await browser.newTab();
  await tab.goTo(app);
  await logIn(tab, ADMIN);
  // WebKit's driver leaves out Strict cookies of a document that another site has led to.
  await tab.goTo(app);
  const session = (await browser.cookies(tab)).find(({ name }) => name === SESSION_COOKIE);
  expect(session?.value).toHaveLength(43);
  return session?.value ?? "";
}

/** The attacker's login up to the callback: its address, and the cookie that belongs to it. */
async function attackerLogin(newBrowser: () => Promise<Browser>, siblings: Siblings) {
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
