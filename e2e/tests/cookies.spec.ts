// The cookies as Chromium stores them.
import { requestWithCookie } from "../support/page-requests.ts";
import { logInThroughUi } from "../support/users.ts";
import { SESSION_COOKIE } from "@cloakroom/testing/leaks/secrets.ts";
import { passwordField, providerPages } from "../support/provider-pages.ts";
import { expect, test } from "../support/test.ts";

test("the session id is stored in one host-only, HttpOnly, Secure, SameSite=Strict cookie", async ({
  page,
  user,
  context,
  system,
}) => {
  await page.goto("/");
  await logInThroughUi(page, user);
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
  // Playwright reports a domain for host-only cookies too: only Set-Cookie shows that none was set.
  const setCookies = system.exchanges.flatMap(({ headers }) =>
    headers.filter(([name]) => name.toLowerCase() === "set-cookie").map(([, value]) => value.toLowerCase()),
  );
  expect(setCookies.filter((value) => value.includes("domain="))).toEqual([]);
  expect(setCookies.filter((value) => !value.startsWith("__host-http-"))).toEqual([]);
});

test("a login attempt is stored in its own SameSite=Lax cookie for 15 minutes", async ({ page, context, system }) => {
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

test("scripts of the app can read no cookie while logged in", async ({ loggedInPage, user }) => {
  await loggedInPage.goto("/profile");
  await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
  expect(await loggedInPage.evaluate(() => document.cookie)).toBe("");
  const readable = await loggedInPage.evaluate(async () => {
    const store = (window as unknown as { cookieStore: { getAll: () => Promise<unknown[]> } }).cookieStore;
    return store.getAll();
  });
  expect(readable).toEqual([]);
});

test("scripts of the app cannot set or replace the session cookie", async ({ loggedInPage, context, system, user }) => {
  await loggedInPage.goto("/");
  await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
  const before = await context.cookies(system.origin);
  await loggedInPage.evaluate(() => {
    document.cookie = "__Host-Http-session=planted; Secure; Path=/";
    document.cookie = "__Host-Http-session=planted; Secure; Path=/bff";
    document.cookie = "__Host-Http-session=; Max-Age=0; Secure; Path=/";
  });
  expect(await context.cookies(system.origin)).toEqual(before);
});

test("a second login issues a new session id and ends the old session", async ({
  context,
  loggedInPage,
  user,
  system,
  request,
}) => {
  const idOf = async () => (await context.cookies(system.origin)).find(({ name }) => name === SESSION_COOKIE)!.value;
  const before = await idOf();
  const withOldCookie = () =>
    requestWithCookie(request, `${system.origin}/api/protected?message=x`, `${SESSION_COOKIE}=${before}`);
  expect((await withOldCookie()).status()).toBe(200);
  // In a browser: the redirect back from the provider is cross-site and does not carry the Strict cookie.
  await loggedInPage.goto("/bff/login?prompt=login&returnTo=/profile");
  await providerPages.enterPasswordAgain(loggedInPage, user);
  await expect(loggedInPage).toHaveURL("/profile");
  expect(await idOf()).not.toBe(before);
  expect((await withOldCookie()).status()).toBe(401);
});
