// What the application may ask Keycloak for at a login, as Keycloak understands it.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { randomBytes } from "node:crypto";
import { currentUser, fillLoginForm, logIn } from "../support/pages.ts";
import { expect, test } from "../support/test.ts";

test("ui_locales chooses the language of the login page", async ({ page, world }) => {
  await page.goto(`${world.gateway.origin}/bff/login?ui_locales=de`);
  await expect(page.locator("html")).toHaveAttribute("lang", "de");
  await expect(page.getByRole("button", { name: "Anmelden" })).toBeVisible();
});

test("login_hint fills in the user's name", async ({ page, world }) => {
  await page.goto(`${world.gateway.origin}/bff/login?login_hint=somebody%40example.com`);
  await expect(page.getByLabel(/username/i)).toHaveValue("somebody@example.com");
});

test("prompt=none of somebody who is not logged in comes home without a page of Keycloak's", async ({
  page,
  world,
}) => {
  await page.goto(`${world.gateway.origin}/bff/login?prompt=none&returnTo=/profile`);
  expect(new URL(page.url()).origin).toBe(world.gateway.origin);
  expect((await currentUser(page)).user).toBeNull();
});

test("prompt=none of somebody whom Keycloak knows logs in without a page", async ({
  page,
  context,
  world,
  newUser,
  newGateway,
}) => {
  const user = await newUser();
  const other = await newGateway({ host: "127.0.0.1" });
  await logIn(page, world.gateway.origin, user);
  const second = await context.newPage();
  await second.goto(`${other.origin}/bff/login?prompt=none&returnTo=/profile`);
  await second.waitForURL(`${other.origin}/profile`);
  expect((await currentUser(second)).user?.["preferred_username"]).toBe(user.username);
});

test("prompt=login asks somebody again whom Keycloak knows", async ({ page, world, newUser }) => {
  const user = await newUser();
  await logIn(page, world.gateway.origin, user);
  await page.goto(`${world.gateway.origin}/bff/login?prompt=login`);
  await expect(page.getByLabel("Password", { exact: true })).toBeVisible();
});

test("max_age asks again once the login is older, and the gateway knows of the new one", async ({
  page,
  world,
  newUser,
}) => {
  const user = await newUser();
  await logIn(page, world.gateway.origin, user);
  const before = (await currentUser(page)).session?.authTime ?? "";
  // Keycloak counts whole seconds: wait until the login is older than the limit.
  await expect.poll(() => Date.now() - Date.parse(before), { timeout: 20_000 }).toBeGreaterThan(3_000);
  await page.goto(`${world.gateway.origin}/bff/login?max_age=1&returnTo=/profile`);
  await page.getByLabel("Password", { exact: true }).fill(user.password);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await page.waitForURL(`${world.gateway.origin}/profile`);
  expect(Date.parse((await currentUser(page)).session?.authTime ?? "")).toBeGreaterThan(Date.parse(before));
});

test("kc_idp_hint leads past Keycloak's page to the identity provider that it names", async ({
  page,
  world,
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
  await page.goto(`${world.gateway.origin}/bff/login?kc_idp_hint=${alias}`);
  await expect(page).toHaveTitle("The partner's login");
  expect(page.url()).toContain(`${origin}/authorize?`);
  partner.closeAllConnections();
  partner.close();
  await admin.send("DELETE", `/demo/identity-provider/instances/${alias}`);
});

test("a parameter of the protocol cannot be chosen by a link", async ({ page, world, newUser }) => {
  const response = await page.goto(`${world.gateway.origin}/bff/login?redirect_uri=https://elsewhere.example`);
  expect(response?.status()).toBe(400);
  const user = await newUser();
  await page.goto(`${world.gateway.origin}/bff/login`);
  await fillLoginForm(page, user);
  await page.waitForURL(`${world.gateway.origin}/**`);
});
