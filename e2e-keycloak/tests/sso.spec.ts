// Single sign-on and single logout of two applications: two gateways, two clients, one Keycloak.
import type { Page } from "@playwright/test";
import { call, fetchUser, logIn, logOut } from "@cloakroom/testkit/keycloak/pages.ts";
import { listProviderSessions } from "@cloakroom/testkit/keycloak/realm-fixtures.ts";
import { expect, test } from "../support/test.ts";

test("a user logged in to one application logs in to the other without a password", async ({
  page,
  context,
  system,
  newUser,
  newGateway,
  admin,
}) => {
  const user = await newUser();
  const other = await newGateway({ host: "127.0.0.1" });
  await logIn(page, system.gateway.origin, user);
  const second = await context.newPage();
  await second.goto(`${other.origin}/bff/login?returnTo=/profile`);
  await second.waitForURL(`${other.origin}/profile`);
  expect((await fetchUser(second)).user?.["preferred_username"]).toBe(user.username);
  expect((await fetchUser(page)).user?.["preferred_username"]).toBe(user.username);
  expect(await listProviderSessions(admin, user)).toHaveLength(1);
});

/** With a form of the app's page, as an app without a script does. */
async function logOutByForm(page: Page, origin: string): Promise<void> {
  await page.evaluate(() => {
    const form = Object.assign(document.createElement("form"), { method: "post", action: "/bff/logout" });
    document.body.append(form);
    form.submit();
  });
  await page.waitForURL(`${origin}/logged-out`);
}

const METHODS = { "a fetch": logOut, "a form": logOutByForm };

for (const [method, logOutBy] of Object.entries(METHODS))
  test(`a logout by ${method} from one application ends the session of the other and of the provider`, async ({
    page,
    context,
    system,
    newUser,
    newGateway,
    admin,
  }) => {
    const user = await newUser();
    const other = await newGateway({ host: "127.0.0.1" });
    await logIn(page, system.gateway.origin, user);
    const second = await context.newPage();
    await second.goto(`${other.origin}/bff/login`);
    await second.waitForURL(`${other.origin}/**`);
    expect((await call(second, "/api/protected?message=probe")).status).toBe(200);

    await logOutBy(page, system.gateway.origin);

    await expect
      .poll(async () => call(second, "/api/protected?message=probe"))
      .toMatchObject({ status: 401, body: { code: "session_revoked" } });
    expect(await listProviderSessions(admin, user)).toEqual([]);
    await second.goto(`${other.origin}/bff/login`);
    await expect(second.getByLabel("Password", { exact: true })).toBeVisible();
  });
