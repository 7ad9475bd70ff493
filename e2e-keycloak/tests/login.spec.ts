// Logging in at a real Keycloak.
import { randomBytes } from "node:crypto";
import { call, currentUser, fillLoginForm, logIn, submitRejected, submitWrongPassword } from "../support/pages.ts";
import { newPassword } from "../support/realm-parts.ts";
import { expect, test } from "../support/test.ts";

test("alice logs in, and the application knows her name, role, department and how she proved who she is", async ({
  page,
  world,
}) => {
  await logIn(page, world.gateway.origin, { username: "alice", password: world.passwords.alice });
  const { user, session } = await currentUser(page);
  expect(user).toMatchObject({
    preferred_username: "alice",
    name: "Alice Example",
    email: "alice@example.com",
    roles: ["user"],
    department: "engineering",
  });
  expect(session?.acr).toBe("1");
});

test("admin is an administrator by way of a group", async ({ page, world }) => {
  await logIn(page, world.gateway.origin, { username: "admin", password: world.passwords.admin });
  const { user } = await currentUser(page);
  expect([...(user?.roles ?? [])].sort()).toEqual(["admin", "user"]);
});

test("the browser holds nothing of what Keycloak issued", async ({ page, world, newUser }) => {
  const seen: string[] = [];
  page.on("request", (request) => seen.push(request.url()));
  await logIn(page, world.gateway.origin, await newUser());
  const kept = await page.evaluate(() => JSON.stringify([localStorage, sessionStorage]));
  const cookies = await page.context().cookies(world.gateway.origin);
  // A JWT begins like that, in whatever it is wrapped.
  for (const text of [kept, ...seen.filter((url) => url.startsWith(world.gateway.origin))])
    expect(text).not.toContain("eyJ");
  // Keycloak keeps JWTs in cookies of its own, on its own paths.
  for (const { path, value } of cookies) if (path === "/") expect(value).not.toContain("eyJ");
});

test("a wrong password stays at Keycloak and makes no session", async ({ page, world, newUser }) => {
  const user = await newUser();
  await page.goto(`${world.gateway.origin}/bff/login?returnTo=/profile`);
  await submitWrongPassword(page, { ...user, password: "not-the-password" });
  await fillLoginForm(page, user);
  await page.waitForURL(`${world.gateway.origin}/profile`);
  expect((await currentUser(page)).user?.["preferred_username"]).toBe(user.username);
});

test("after five wrong passwords the right one is refused too", async ({ page, world, newUser, admin }) => {
  const user = await newUser();
  await page.goto(`${world.gateway.origin}/bff/login`);
  for (let guess = 0; guess < 5; guess++) await submitWrongPassword(page, { ...user, password: `guess ${guess}` });
  await submitWrongPassword(page, user);
  expect(await admin.get(`/demo/attack-detection/brute-force/users/${user.id}`)).toMatchObject({ disabled: true });
});

test("a new password must keep the policy", async ({ page, world, newUser }) => {
  const user = await newUser({ requiredActions: ["UPDATE_PASSWORD"] });
  await page.goto(`${world.gateway.origin}/bff/login`);
  await fillLoginForm(page, user);
  const choose = async (password: string) => {
    await page.getByLabel("New Password", { exact: true }).fill(password);
    await page.getByLabel("Confirm password").fill(password);
    await page.getByRole("button", { name: "Submit" }).click();
  };
  await submitRejected(page, () => choose("short"), /minimum length 12/i);
  await submitRejected(page, () => choose(`my ${user.username} password`), /username/i);
  await choose(newPassword());
  await page.waitForURL(`${world.gateway.origin}/**`);
  expect((await currentUser(page)).user).not.toBeNull();
});

test("a callback with somebody else's state is refused and says how to try again", async ({ page, world }) => {
  const response = await page.goto(
    `${world.gateway.origin}/bff/callback?state=${randomBytes(8).toString("hex")}&code=x&iss=${world.keycloak.issuer}`,
  );
  expect(response?.status()).toBe(400);
  await page.goto(world.gateway.origin);
  expect((await call(page, "/bff/user")).body["user"]).toBeNull();
});
