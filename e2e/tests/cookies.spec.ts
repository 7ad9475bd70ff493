// The cookies as Chromium keeps them.
import { replay } from "../support/calls.ts";
import { logInByHand } from "../support/people.ts";
import { SESSION_COOKIE } from "../support/secrets.ts";
import { passwordField, providerPages } from "../support/provider-pages.ts";
import { expect, test } from "../support/test.ts";

test("Chromium keeps the session id in one host-only, HttpOnly, Secure, Strict cookie", async ({
  page,
  person,
  context,
  system,
}) => {
  await page.goto("/");
  await logInByHand(page, person);
  const cookies = (await context.cookies(system.origin)).filter(({ name }) => !name.includes("-login-"));
  expect(cookies).toHaveLength(1);
  expect(cookies[0]).toMatchObject({
    name: "__Host-Http-session",
    // 256 random bits.
    value: expect.stringMatching(/^[\w-]{43}$/),
    domain: "localhost",
    path: "/",
    httpOnly: true,
    secure: true,
    sameSite: "Strict",
  });
  const lifeSeconds = cookies[0]!.expires - Date.now() / 1000;
  expect(lifeSeconds).toBeGreaterThan(8 * 3600 - 60);
  expect(lifeSeconds).toBeLessThan(8 * 3600 + 60);
  // Playwright shows a domain for host-only cookies, too: whether one was asked for, only the wire tells.
  const setCookies = system.exchanges.flatMap(({ headers }) =>
    headers.filter(([name]) => name.toLowerCase() === "set-cookie").map(([, value]) => value.toLowerCase()),
  );
  expect(setCookies.filter((value) => value.includes("domain="))).toEqual([]);
  expect(setCookies.filter((value) => !value.startsWith("__host-http-"))).toEqual([]);
});

test("Chromium keeps a login attempt in a Lax cookie of its own, for minutes", async ({ page, context, system }) => {
  await page.goto("/");
  await page.getByRole("banner").getByRole("link", { name: "Log in" }).click();
  await expect(passwordField(page)).toBeVisible();
  const cookies = await context.cookies(system.origin);
  expect(cookies).toHaveLength(1);
  expect(cookies[0]).toMatchObject({
    name: expect.stringMatching(/^__Host-Http-login-/),
    domain: "localhost",
    path: "/",
    httpOnly: true,
    secure: true,
    sameSite: "Lax",
  });
  const lifeSeconds = cookies[0]!.expires - Date.now() / 1000;
  expect(lifeSeconds).toBeGreaterThan(800);
  expect(lifeSeconds).toBeLessThan(901);
});

test("scripts of the app see no cookie, also while logged in", async ({ loggedIn, person }) => {
  await loggedIn.goto("/profile");
  await expect(loggedIn.getByRole("banner")).toContainText(person.name);
  expect(await loggedIn.evaluate(() => document.cookie)).toBe("");
  const readable = await loggedIn.evaluate(async () => {
    const store = (window as unknown as { cookieStore: { getAll: () => Promise<unknown[]> } }).cookieStore;
    return store.getAll();
  });
  expect(readable).toEqual([]);
});

test("scripts of the app cannot plant or replace the session cookie", async ({ loggedIn, context, system, person }) => {
  await loggedIn.goto("/");
  await expect(loggedIn.getByRole("banner")).toContainText(person.name);
  const before = await context.cookies(system.origin);
  await loggedIn.evaluate(() => {
    document.cookie = "__Host-Http-session=planted; Secure; Path=/";
    document.cookie = "__Host-Http-session=planted; Secure; Path=/bff";
    document.cookie = "__Host-Http-session=; Max-Age=0; Secure; Path=/";
  });
  expect(await context.cookies(system.origin)).toEqual(before);
});

test("a login over an older login gives the browser a new session id, and the old one is worth nothing", async ({
  context,
  loggedIn,
  person,
  system,
  request,
}) => {
  const idOf = async () => (await context.cookies(system.origin)).find(({ name }) => name === SESSION_COOKIE)!.value;
  const before = await idOf();
  const withOldCookie = () =>
    replay(request, `${system.origin}/api/protected?message=x`, `${SESSION_COOKIE}=${before}`);
  expect((await withOldCookie()).status()).toBe(200);
  // In Chromium, because the Strict cookie of the old session does not come along on the way back from the provider.
  await loggedIn.goto("/bff/login?prompt=login&returnTo=/profile");
  await providerPages.enterPasswordAgain(loggedIn, person);
  await expect(loggedIn).toHaveURL("/profile");
  expect(await idOf()).not.toBe(before);
  expect((await withOldCookie()).status()).toBe(401);
});
