// Single sign-on over two applications: two gateways, two clients, one Keycloak.
import { call, currentUser, logIn, logOut } from "../support/pages.ts";
import { providerSessions } from "../support/realm-parts.ts";
import { expect, test } from "../support/test.ts";

test("who is logged in to one application needs no password for the other", async ({
  page,
  context,
  world,
  newUser,
  newGateway,
  admin,
}) => {
  const user = await newUser();
  const other = await newGateway({ host: "127.0.0.1" });
  await logIn(page, world.gateway.origin, user);
  const second = await context.newPage();
  await second.goto(`${other.origin}/bff/login?returnTo=/profile`);
  await second.waitForURL(`${other.origin}/profile`);
  expect((await currentUser(second)).user?.["preferred_username"]).toBe(user.username);
  expect((await currentUser(page)).user?.["preferred_username"]).toBe(user.username);
  expect(await providerSessions(admin, user)).toHaveLength(1);
});

test("who logs out of one application is out of both", async ({ page, context, world, newUser, newGateway, admin }) => {
  const user = await newUser();
  const other = await newGateway({ host: "127.0.0.1" });
  await logIn(page, world.gateway.origin, user);
  const second = await context.newPage();
  await second.goto(`${other.origin}/bff/login`);
  await second.waitForURL(`${other.origin}/**`);
  expect((await call(second, "/api/protected?message=probe")).status).toBe(200);

  await logOut(page, world.gateway.origin);

  await expect
    .poll(async () => call(second, "/api/protected?message=probe"))
    .toMatchObject({ status: 401, body: { code: "session_revoked" } });
  expect(await providerSessions(admin, user)).toEqual([]);
  await second.goto(`${other.origin}/bff/login`);
  await expect(second.getByLabel("Password", { exact: true })).toBeVisible();
});
