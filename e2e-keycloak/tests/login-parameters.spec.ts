// Parameters of /bff/login that are passed to Keycloak, and their effect there.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { randomBytes } from "node:crypto";
import { fetchUser, fillLoginForm, logIn } from "@cloakroom/testkit/keycloak/pages.ts";
import { expect, test } from "../support/test.ts";

test("ui_locales sets the language of the login page", async ({ page, system }) => {
  await page.goto(`${system.gateway.origin}/bff/login?ui_locales=de`);
  await expect(page.locator("html")).toHaveAttribute("lang", "de");
  await expect(page.getByRole("button", { name: "Anmelden" })).toBeVisible();
});

test("login_hint fills in the username", async ({ page, system }) => {
  await page.goto(`${system.gateway.origin}/bff/login?login_hint=user%40example.com`);
  await expect(page.getByLabel(/username/i)).toHaveValue("user@example.com");
});

test("prompt=none without a session at Keycloak returns to the app without a login", async ({ page, system }) => {
  await page.goto(`${system.gateway.origin}/bff/login?prompt=none&returnTo=/profile`);
  expect(new URL(page.url()).origin).toBe(system.gateway.origin);
  expect((await fetchUser(page)).user).toBeNull();
});

test("prompt=none with a session at Keycloak logs in without a page", async ({
  page,
  context,
  system,
  newUser,
  newGateway,
}) => {
  const user = await newUser();
  const other = await newGateway({ host: "127.0.0.1" });
  await logIn(page, system.gateway.origin, user);
  const second = await context.newPage();
  await second.goto(`${other.origin}/bff/login?prompt=none&returnTo=/profile`);
  await second.waitForURL(`${other.origin}/profile`);
  expect((await fetchUser(second)).user?.["preferred_username"]).toBe(user.username);
});

test("prompt=login asks for the password despite a session at Keycloak", async ({ page, system, newUser }) => {
  const user = await newUser();
  await logIn(page, system.gateway.origin, user);
  await page.goto(`${system.gateway.origin}/bff/login?prompt=login`);
  await expect(page.getByLabel("Password", { exact: true })).toBeVisible();
});

test("max_age asks for the password if the login is older, and the new login updates authTime", async ({
  page,
  system,
  newUser,
}) => {
  const user = await newUser();
  await logIn(page, system.gateway.origin, user);
  const before = (await fetchUser(page)).session?.authTime ?? "";
  // auth_time is in whole seconds: the login must be more than one second older than max_age.
  await expect.poll(() => Date.now() - Date.parse(before), { timeout: 20_000 }).toBeGreaterThan(3_000);
  await page.goto(`${system.gateway.origin}/bff/login?max_age=1&returnTo=/profile`);
  await page.getByLabel("Password", { exact: true }).fill(user.password);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await page.waitForURL(`${system.gateway.origin}/profile`);
  expect(Date.parse((await fetchUser(page)).session?.authTime ?? "")).toBeGreaterThan(Date.parse(before));
});

test("kc_idp_hint redirects to the named identity provider without Keycloak's login page", async ({
  page,
  system,
  admin,
}) => {
  const alias = `partner-${randomBytes(4).toString("hex")}`;
  const partner = createServer((_request, response) => response.end("<title>The partner's login</title>"));
  await new Promise<void>((resolve) => partner.listen(0, "127.0.0.1", resolve));
  const origin = `http://localhost:${(partner.address() as AddressInfo).port}`;
  await admin.send("POST", "/demo/identity-provider/instances", {
    alias,
    providerId: "oidc",
    enabled: true,
    hideOnLogin: true,
    config: {
      clientId: "keycloak",
      clientSecret: "not-used-in-this-test",
      authorizationUrl: `${origin}/authorize`,
      tokenUrl: `${origin}/token`,
      issuer: origin,
      useJwksUrl: "true",
      jwksUrl: `${origin}/jwks`,
    },
  });
  await page.goto(`${system.gateway.origin}/bff/login?kc_idp_hint=${alias}`);
  await expect(page).toHaveTitle("The partner's login");
  expect(page.url()).toContain(`${origin}/authorize?`);
  partner.closeAllConnections();
  partner.close();
  await admin.send("DELETE", `/demo/identity-provider/instances/${alias}`);
});

test("a login with the parameter redirect_uri is rejected with 400", async ({ page, system, newUser }) => {
  const response = await page.goto(`${system.gateway.origin}/bff/login?redirect_uri=https://elsewhere.example`);
  expect(response?.status()).toBe(400);
  const user = await newUser();
  await page.goto(`${system.gateway.origin}/bff/login`);
  await fillLoginForm(page, user);
  await page.waitForURL(`${system.gateway.origin}/**`);
});
