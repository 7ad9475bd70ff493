// Login at Keycloak.
import { randomBytes } from "node:crypto";
import {
  call,
  fetchUser,
  fillLoginForm,
  logIn,
  submitRejected,
  submitWrongPassword,
} from "@cloakroom/testkit/keycloak/pages.ts";
import { generatePassword } from "@cloakroom/testkit/keycloak/realm-fixtures.ts";
import { expect, test } from "../support/test.ts";

test("a login provides name, email, role, department and authentication level to the app", async ({ page, system }) => {
  await logIn(page, system.gateway.origin, { username: "alice", password: system.passwords.alice });
  const { user, session } = await fetchUser(page);
  expect(user).toMatchObject({
    preferred_username: "alice",
    name: "Alice Example",
    email: "alice@example.com",
    roles: ["user"],
    department: "engineering",
  });
  expect(session?.acr).toBe("1");
});

test("a member of the administrators group has the role admin", async ({ page, system }) => {
  await logIn(page, system.gateway.origin, { username: "admin", password: system.passwords.admin });
  const { user } = await fetchUser(page);
  expect([...(user?.roles ?? [])].sort()).toEqual(["admin", "user"]);
});

test("the browser holds no token of Keycloak in storage, cookies or URLs of the gateway", async ({
  page,
  system,
  newUser,
}) => {
  const requestUrls: string[] = [];
  page.on("request", (request) => requestUrls.push(request.url()));
  await logIn(page, system.gateway.origin, await newUser());
  const stored = await page.evaluate(() => JSON.stringify([localStorage, sessionStorage]));
  const cookies = await page.context().cookies(system.gateway.origin);
  // Every encoded JWT begins with eyJ.
  for (const text of [stored, ...requestUrls.filter((url) => url.startsWith(system.gateway.origin))])
    expect(text).not.toContain("eyJ");
  // Keycloak stores JWTs in its own cookies, on its own paths.
  for (const { path, value } of cookies) if (path === "/") expect(value).not.toContain("eyJ");
});

test("a wrong password keeps the login at Keycloak, and the correct one then returns to the app", async ({
  page,
  system,
  newUser,
}) => {
  const user = await newUser();
  await page.goto(`${system.gateway.origin}/bff/login?returnTo=/profile`);
  await submitWrongPassword(page, { ...user, password: "not-the-password" });
  await fillLoginForm(page, user);
  await page.waitForURL(`${system.gateway.origin}/profile`);
  expect((await fetchUser(page)).user?.["preferred_username"]).toBe(user.username);
});

test("the account is locked after five wrong passwords", async ({ page, system, newUser, admin }) => {
  const user = await newUser();
  await page.goto(`${system.gateway.origin}/bff/login`);
  for (let guess = 0; guess < 5; guess++) await submitWrongPassword(page, { ...user, password: `guess ${guess}` });
  await submitWrongPassword(page, user);
  expect(await admin.get(`/demo/attack-detection/brute-force/users/${user.id}`)).toMatchObject({ disabled: true });
});

test("a new password that violates the policy is rejected", async ({ page, system, newUser }) => {
  const user = await newUser({ requiredActions: ["UPDATE_PASSWORD"] });
  await page.goto(`${system.gateway.origin}/bff/login`);
  await fillLoginForm(page, user);
  const choose = async (password: string) => {
    await page.getByLabel("New Password", { exact: true }).fill(password);
    await page.getByLabel("Confirm password").fill(password);
    await page.getByRole("button", { name: "Submit" }).click();
  };
  await submitRejected(page, () => choose("short"), /minimum length 12/i);
  await submitRejected(page, () => choose(`my ${user.username} password`), /username/i);
  await choose(generatePassword());
  await page.waitForURL(`${system.gateway.origin}/**`);
  expect((await fetchUser(page)).user).not.toBeNull();
});

test("a callback with an unknown state is rejected with 400 and creates no session", async ({ page, system }) => {
  const response = await page.goto(
    `${system.gateway.origin}/bff/callback?state=${randomBytes(8).toString("hex")}&code=x&iss=${system.keycloak.issuer}`,
  );
  expect(response?.status()).toBe(400);
  await page.goto(system.gateway.origin);
  expect((await call(page, "/bff/user")).body["user"]).toBeNull();
});
