// Every way in which a session ends, and that the other side hears of it.
import type { Page } from "@playwright/test";
import { call, currentUser, logIn, logOut } from "../support/pages.ts";
import { providerSessions } from "../support/realm-parts.ts";
import { expect, test } from "../support/test.ts";

test("logout ends Keycloak's session too: the next login asks for a password", async ({
  page,
  world,
  newUser,
  admin,
}) => {
  const user = await newUser();
  await logIn(page, world.gateway.origin, user);
  expect(await providerSessions(admin, user)).toHaveLength(1);
  await logOut(page, world.gateway.origin);
  expect(await providerSessions(admin, user)).toEqual([]);
  await page.goto(`${world.gateway.origin}/bff/login`);
  await expect(page.getByLabel("Password", { exact: true })).toBeVisible();
});

test("a good logout leaves LOGOUT in Keycloak's audit trail and no error", async ({ page, world, newUser, admin }) => {
  const user = await newUser();
  await logIn(page, world.gateway.origin, user);
  await logOut(page, world.gateway.origin);
  type KeycloakEvent = { type: string; error?: string };
  const events = async () =>
    (await admin.get<KeycloakEvent[]>(`/demo/events?user=${user.id}`)).map(({ type }) => type).reverse();
  await expect.poll(events).toContain("LOGOUT");
  expect(await events()).toEqual(["LOGIN", "CODE_TO_TOKEN", "LOGOUT"]);
});

test("a logout in one browser leaves the user's other browser logged in, at Keycloak too", async ({
  page,
  browser,
  newUser,
  newGateway,
  admin,
}) => {
  const user = await newUser();
  // Its access tokens last for 5 s, so that the other browser needs a refresh after the logout.
  const gateway = await newGateway({ clientAttributes: { "access.token.lifespan": "5" } });
  const phone = await (await browser.newContext()).newPage();
  await logIn(page, gateway.origin, user);
  await logIn(phone, gateway.origin, user);
  await logOut(page, gateway.origin);
  expect(await providerSessions(admin, user)).toHaveLength(1);
  const first = await tokenIdOf(phone);
  await expect.poll(() => tokenIdOf(phone), { timeout: 30_000 }).not.toBe(first);
  await phone.context().close();
});

/** Of the access token that the API received. */
async function tokenIdOf(page: Page): Promise<unknown> {
  const { status, body } = await call(page, "/api/protected?message=probe");
  expect(status).toBe(200);
  return (body["user"] as Record<string, unknown>)["jti"];
}

test("an administrator ends the user's sessions in Keycloak, and the gateway refuses them from then on", async ({
  page,
  world,
  newUser,
  admin,
}) => {
  const user = await newUser();
  await logIn(page, world.gateway.origin, user);
  expect((await call(page, "/api/protected?message=probe")).status).toBe(200);
  await admin.send("POST", `/demo/users/${user.id}/logout`);
  await expect
    .poll(async () => call(page, "/api/protected?message=probe"))
    .toMatchObject({ status: 401, body: { code: "session_revoked" } });
});

test("an open page hears of an end in Keycloak without asking", async ({ page, world, newUser, admin }) => {
  const user = await newUser();
  await logIn(page, world.gateway.origin, user);
  type Told = Window & { told?: { reason: string } };
  await page.evaluate(async () => {
    const events = new EventSource("/bff/events");
    events.addEventListener("session-ended", ({ data }) => {
      events.close();
      (window as Told).told = JSON.parse(data as string) as { reason: string };
    });
    await new Promise((resolve) => (events.onopen = resolve));
  });
  await admin.send("POST", `/demo/users/${user.id}/logout`);
  await expect.poll(() => page.evaluate(() => (window as Told).told?.reason)).toBe("provider_logout");
});

test("ending one of two sessions of a user leaves the other", async ({ page, browser, world, newUser, admin }) => {
  const user = await newUser();
  const phone = await (await browser.newContext()).newPage();
  await logIn(page, world.gateway.origin, user);
  const [first] = await providerSessions(admin, user);
  await logIn(phone, world.gateway.origin, user);
  await admin.send("DELETE", `/demo/sessions/${first?.id}`);
  await expect.poll(async () => (await call(page, "/api/protected?message=probe")).status).toBe(401);
  expect((await call(phone, "/api/protected?message=probe")).status).toBe(200);
  await phone.context().close();
});

test("a user who is disabled while at work is out with the next refresh", async ({
  page,
  newUser,
  newGateway,
  admin,
}) => {
  const user = await newUser();
  const gateway = await newGateway({ clientAttributes: { "access.token.lifespan": "5" } });
  await logIn(page, gateway.origin, user);
  expect((await call(page, "/api/protected?message=probe")).status).toBe(200);
  const kept = await admin.get<Record<string, unknown>>(`/demo/users/${user.id}`);
  await admin.send("PUT", `/demo/users/${user.id}`, { ...kept, enabled: false });
  await expect
    .poll(async () => (await call(page, "/api/protected?message=probe")).status, { timeout: 30_000 })
    .toBe(401);
  expect((await currentUser(page)).user).toBeNull();
});
