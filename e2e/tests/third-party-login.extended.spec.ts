// Logins that another site starts (OIDC Core 1.0 §4): in a browser, the Strict session cookie is absent from such a request.
import { expectAccessible } from "@cloakroom/testkit/axe.ts";
import type { Page } from "@playwright/test";
import { startAttackerSite, type AttackerSite } from "../support/attacker-site.ts";
import { enterPassword, isOnKeycloak, passwordField } from "../support/provider-pages.ts";
import { expect, test } from "../support/test.ts";
import { createUser } from "../support/users.ts";

let portal: AttackerSite;
test.beforeAll(async () => {
  portal = await startAttackerSite();
});
test.afterAll(() => portal.stop());

const SITES = ["crossSite", "sameSite"] as const;
const METHODS = ["get", "post"] as const;

type Portal = { from: string; method: string; system: { origin: string } };

/** Submits a form of the portal to the gateway's initiate_login_uri. */
async function initiate(page: Page, { from, method, system }: Portal, parameters: Record<string, string>) {
  await page.goto(from);
  await page.evaluate(
    ([formMethod, action, fields]) => {
      const form = Object.assign(document.createElement("form"), { method: formMethod, action });
      for (const [name, value] of fields as [string, string][])
        form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
      document.body.append(form);
      form.submit();
    },
    [method, `${system.origin}/bff/login`, Object.entries(parameters)] as const,
  );
}

for (const site of SITES)
  for (const method of METHODS) {
    test(`a third-party-initiated login by ${method} from ${site} logs in and opens its target`, async ({
      page,
      system,
      user,
    }) => {
      const target = `${system.origin}/call?message=from-the-portal`;
      await initiate(
        page,
        { from: portal[site], method, system },
        {
          iss: system.provider.issuer,
          target_link_uri: target,
          utm_source: "portal",
        },
      );
      await enterPassword(page, user);
      await expect(page).toHaveURL(target);
      await expect(page.getByRole("banner")).toContainText(user.name);
    });

    test(`a third-party-initiated login by ${method} from ${site} asks before it replaces a session`, async ({
      loggedInPage: page,
      system,
      user,
    }) => {
      await initiate(
        page,
        { from: portal[site], method, system },
        {
          iss: system.provider.issuer,
          login_hint: "another-user",
          target_link_uri: "/profile",
        },
      );
      await expect(page.getByRole("heading", { name: "You are already logged in" })).toBeVisible();
      await expect(page.getByRole("main")).toContainText(user.name);
      await page.getByRole("link", { name: "Stay logged in" }).click();
      await expect(page).toHaveURL(`${system.origin}/profile`);
      await expect(page.getByRole("banner")).toContainText(user.name);
    });
  }

test("with consent, by keyboard alone, another user logs in and the replaced session ends", async ({
  loggedInPage: page,
  context,
  system,
  user,
}) => {
  test.skip(isOnKeycloak, "independent of the provider");
  const other = await createUser(system);
  const before = (await context.cookies()).find(({ name }) => name === "__Host-Http-session")!;
  await initiate(
    page,
    { from: portal.crossSite, method: "post", system },
    {
      iss: system.provider.issuer,
      prompt: "login",
      target_link_uri: `${system.origin}/profile`,
    },
  );
  await expect(page.getByRole("heading", { name: "You are already logged in" })).toBeVisible();
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Stay logged in" })).toBeFocused();
  await page.keyboard.press("Tab");
  await expect(page.getByRole("button", { name: "Log in again" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(passwordField(page)).toBeVisible();
  await enterPassword(page, other);
  await expect(page).toHaveURL(`${system.origin}/profile`);
  await expect(page.getByRole("banner")).toContainText(other.name);
  expect(other.sub).not.toBe(user.sub);
  await context.clearCookies({ name: before.name });
  await context.addCookies([before]);
  await page.goto("/profile");
  await expect(page.getByRole("banner").getByRole("link", { name: "Log in" })).toBeVisible();
});

test("a login_hint of the logged-in user opens the target without a question", async ({
  loggedInPage: page,
  system,
  user,
}) => {
  await initiate(
    page,
    { from: portal.crossSite, method: "get", system },
    {
      iss: system.provider.issuer,
      login_hint: user.sub,
      target_link_uri: "/profile",
    },
  );
  await expect(page).toHaveURL(`${system.origin}/profile`);
  await expect(page.getByRole("banner")).toContainText(user.name);
});

test("a cross-site link to the plain login asks as well", async ({ loggedInPage: page, system, user }) => {
  await initiate(page, { from: portal.crossSite, method: "get", system }, { returnTo: "/profile" });
  await expect(page.getByRole("heading", { name: "You are already logged in" })).toBeVisible();
  await expect(page.getByRole("main")).toContainText(user.name);
});

test("a login link for another issuer shows a page that says so", async ({ page, system }) => {
  await initiate(page, { from: portal.crossSite, method: "get", system }, { iss: "https://id.example" });
  await expect(page.getByRole("heading", { name: "This link is for another login service" })).toBeVisible();
  await page.getByRole("link", { name: "Go to the start page" }).click();
  await expect(page).toHaveURL(`${system.origin}/`);
});

test("the confirmation page fits 320 px and has no violation that axe finds", async ({
  loggedInPage: page,
  system,
}, testInfo) => {
  await page.goto(`${system.origin}/bff/login?${new URLSearchParams({ iss: system.provider.issuer }).toString()}`);
  await expectAccessible(page, "confirmation of a login");
  for (const width of [320, 1280])
    for (const colorScheme of ["light", "dark"] as const) {
      await page.setViewportSize({ width, height: 640 });
      await page.emulateMedia({ colorScheme });
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      if (process.env["E2E_SCREENSHOTS"] !== undefined)
        await page.screenshot({ path: testInfo.outputPath(`confirmation-${width}-${colorScheme}.png`) });
    }
});
