// Logout at the gateway and at Keycloak: each notifies the other.
import type { Page } from "@playwright/test";
import { call, fetchUser, logIn, logOut } from "@cloakroom/testkit/keycloak/pages.ts";
import { listProviderSessions } from "@cloakroom/testkit/keycloak/realm-fixtures.ts";
import { expect, test } from "../support/test.ts";

test("a logout ends Keycloak's session, so that the next login asks for a password", async ({
  page,
  system,
  newUser,
  admin,
}) => {
  const user = await newUser();
  await logIn(page, system.gateway.origin, user);
  expect(await listProviderSessions(admin, user)).toHaveLength(1);
  await logOut(page, system.gateway.origin);
  expect(await listProviderSessions(admin, user)).toEqual([]);
  await page.goto(`${system.gateway.origin}/bff/login`);
  await expect(page.getByLabel("Password", { exact: true })).toBeVisible();
});

test("a logout is recorded as LOGOUT in Keycloak's events, without an error", async ({
  page,
  system,
  newUser,
  admin,
}) => {
  const user = await newUser();
  await logIn(page, system.gateway.origin, user);
  await logOut(page, system.gateway.origin);
  type KeycloakEvent = { type: string; error?: string };
  const events = async () =>
    (await admin.get<KeycloakEvent[]>(`/demo/events?user=${user.id}`)).map(({ type }) => type).reverse();
  await expect.poll(events).toContain("LOGOUT");
  expect(await events()).toEqual(["LOGIN", "CODE_TO_TOKEN", "LOGOUT"]);
});

test("a logout in one browser keeps the session of the user's other browser, at the gateway and at Keycloak", async ({
  page,
  browser,
  newUser,
  newGateway,
  admin,
}) => {
  const user = await newUser();
  // Access tokens of 5 s: the other browser needs a refresh after the logout.
  const gateway = await newGateway({ clientAttributes: { "access.token.lifespan": "5" } });
  const phone = await (await browser.newContext()).newPage();
  await logIn(page, gateway.origin, user);
  await logIn(phone, gateway.origin, user);
  await logOut(page, gateway.origin);
  expect(await listProviderSessions(admin, user)).toHaveLength(1);
  const first = await tokenIdOf(phone);
  await expect.poll(() => tokenIdOf(phone), { timeout: 30_000 }).not.toBe(first);
  await phone.context().close();
});

/** @returns the `jti` of the access token that the API received */
async function tokenIdOf(page: Page): Promise<unknown> {
  const { status, body } = await call(page, "/api/protected?message=probe");
  expect(status).toBe(200);
  return (body["user"] as Record<string, unknown>)["jti"];
}

test("a session ended by an administrator in Keycloak is rejected by the gateway", async ({
  page,
  system,
  newUser,
  admin,
}) => {
  const user = await newUser();
  await logIn(page, system.gateway.origin, user);
  expect((await call(page, "/api/protected?message=probe")).status).toBe(200);
  await admin.send("POST", `/demo/users/${user.id}/logout`);
  await expect
    .poll(async () => call(page, "/api/protected?message=probe"))
    .toMatchObject({ status: 401, body: { code: "session_revoked" } });
});

test("an open page receives a session-ended event when an administrator ends the session in Keycloak", async ({
  page,
  system,
  newUser,
  admin,
}) => {
  const user = await newUser();
  await logIn(page, system.gateway.origin, user);
  type WindowWithEvent = Window & { ended?: { reason: string } };
  await page.evaluate(async () => {
    const events = new EventSource("/bff/events");
    events.addEventListener("session-ended", ({ data }) => {
      events.close();
      (window as WindowWithEvent).ended = JSON.parse(data as string) as { reason: string };
    });
    await new Promise((resolve) => (events.onopen = resolve));
  });
  await admin.send("POST", `/demo/users/${user.id}/logout`);
  await expect.poll(() => page.evaluate(() => (window as WindowWithEvent).ended?.reason)).toBe("provider_logout");
});

test("ending one of a user's two sessions in Keycloak keeps the other", async ({
  page,
  browser,
  system,
  newUser,
  admin,
}) => {
  const user = await newUser();
  const phone = await (await browser.newContext()).newPage();
  await logIn(page, system.gateway.origin, user);
  const [first] = await listProviderSessions(admin, user);
  await logIn(phone, system.gateway.origin, user);
  await admin.send("DELETE", `/demo/sessions/${first?.id}`);
  await expect.poll(async () => (await call(page, "/api/protected?message=probe")).status).toBe(401);
  expect((await call(phone, "/api/protected?message=probe")).status).toBe(200);
  await phone.context().close();
});

test("a user disabled in Keycloak is logged out at the next refresh", async ({ page, newUser, newGateway, admin }) => {
  const user = await newUser();
  const gateway = await newGateway({ clientAttributes: { "access.token.lifespan": "5" } });
  await logIn(page, gateway.origin, user);
  expect((await call(page, "/api/protected?message=probe")).status).toBe(200);
  const stored = await admin.get<Record<string, unknown>>(`/demo/users/${user.id}`);
  await admin.send("PUT", `/demo/users/${user.id}`, { ...stored, enabled: false });
  await expect
    .poll(async () => (await call(page, "/api/protected?message=probe")).status, { timeout: 30_000 })
    .toBe(401);
  expect((await fetchUser(page)).user).toBeNull();
});
