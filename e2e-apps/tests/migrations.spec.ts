// The migration guides (docs/guides/migrate-from-*.md): their code after the migration runs in a browser.
import { globSync } from "node:fs";
import { join } from "node:path";
import { expect, test, type Page } from "@playwright/test";
import { transformWithOxc } from "vite";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { DEMO_USERS } from "@cloakroom/testing/provider/users.ts";
import { enterPassword, usernameField } from "../../e2e/support/provider-pages.ts";
import { codeOf, startMigrated, type MigratedApp } from "../support/guide-code.ts";

const [alice, admin] = DEMO_USERS;
if (alice === undefined || admin === undefined) throw new Error("The provider has no demo users.");
const staff = {
  username: "sam",
  password: "sam-demo-password",
  name: "Sam Staff",
  email: "sam@example.com",
  roles: ["staff"],
};

const guides = globSync("migrate-from-*.md", { cwd: join(ROOT, "docs/guides") })
  .map((file) => file.slice("migrate-from-".length, -".md".length))
  .toSorted();

let app: MigratedApp;
let stop: () => Promise<void> = () => Promise.resolve();

/** Starts the app of a guide for the tests of a describe block. */
function startsApp(guide: string): void {
  test.beforeAll(async () => {
    app = await startMigrated(guide);
    ({ stop } = app);
  });
  test.afterAll(() => stop());
}

const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });

/** What scripts of the page can read. */
const readableTexts = (page: Page) =>
  page.evaluate(() =>
    JSON.stringify([
      Object.entries(localStorage),
      Object.entries(sessionStorage),
      document.cookie,
      document.documentElement.outerHTML,
    ]),
  );

async function expectNoToken(page: Page): Promise<void> {
  const { accessTokens, refreshTokens, idTokens } = app.provider.issuedTokens();
  expect(accessTokens.length).toBeGreaterThan(0);
  const text = await readableTexts(page);
  for (const token of [...accessTokens, ...refreshTokens, ...idTokens]) expect(text.includes(token)).toBe(false);
}

/** The API has received an access token of the provider, and no cookie. */
function expectBearerAt(path: string): void {
  const requests = app.received.filter((request) => request.path === path);
  expect(requests.length).toBeGreaterThan(0);
  for (const { headers } of requests) {
    expect(app.provider.issuedTokens().accessTokens).toContain(
      headers.authorization?.toString().replace(/^Bearer /, ""),
    );
    expect(headers.cookie).toBeUndefined();
  }
}

test("every guide has code before and after the migration that can be parsed", async () => {
  expect(guides).toEqual([
    "express-openid-connect",
    "keycloak-connect",
    "keycloak-js",
    "oauth2-proxy",
    "oidc-client-ts",
  ]);
  for (const guide of guides) {
    const blocks = codeOf(guide);
    for (const phase of ["before", "after"] as const)
      expect([guide, blocks.some(({ phases }) => phases.includes(phase))]).toEqual([guide, true]);
    for (const { language, file, code } of blocks) if (/^jsx?$/.test(language)) await transformWithOxc(code, file);
  }
});

for (const guide of ["keycloak-js", "oidc-client-ts"])
  test.describe(guide, () => {
    startsApp(guide);

    test(`an app migrated from ${guide} logs in, calls its API without a token in the page, and logs out`, async ({
      page,
    }) => {
      await page.goto(app.origin);
      await button(page, "Log in").click();
      await enterPassword(page, alice);
      await expect(page.getByText("Alice Example")).toBeVisible();
      await expect(page).toHaveURL(`${app.origin}/`);
      await button(page, "Load orders").click();
      await expect(page.getByRole("listitem")).toHaveText(["Coat", "Umbrella"]);
      expectBearerAt("/orders");
      await expectNoToken(page);
      await expect(page.getByRole("link", { name: "Customers" })).toBeHidden();
      await button(page, "Log out").click();
      await expect(button(page, "Log in")).toBeVisible();
      await expect(page.getByText("Alice Example")).toBeHidden();
      expect(app.provider.count("end_session")).toBeGreaterThan(0);
    });

    test(`an app migrated from ${guide} shows what a role allows`, async ({ page }) => {
      await page.goto(app.origin);
      await button(page, "Log in").click();
      await enterPassword(page, admin);
      await expect(page.getByRole("link", { name: "Customers" })).toBeVisible();
    });

    test(`an app migrated from ${guide} shows at once that the provider has ended the session`, async ({ page }) => {
      await page.goto(app.origin);
      await button(page, "Log in").click();
      await enterPassword(page, alice);
      await expect(page.getByText("Alice Example")).toBeVisible();
      await app.provider.endSession(alice.sub ?? "");
      await expect(page.getByRole("alert")).toHaveText("Your session has ended.");
      await expect(button(page, "Log in")).toBeVisible();
    });
  });

test.describe("silent login", () => {
  startsApp("keycloak-js");

  test("an app migrated from keycloak-js with check-sso logs in a user of the provider without a click", async ({
    page,
    context,
  }) => {
    await page.goto(`${app.origin}/bff/login`);
    await enterPassword(page, alice);
    await expect(page.getByText("Alice Example")).toBeVisible();
    await context.clearCookies({ name: "__Host-Http-session" });
    const next = await context.newPage();
    await next.goto(app.origin);
    await expect(next.getByText("Alice Example")).toBeVisible();
  });
});

for (const guide of ["keycloak-connect", "express-openid-connect"])
  test.describe(guide, () => {
    startsApp(guide);

    test(`a server migrated from ${guide} protects its pages, calls an API for the user, and logs out`, async ({
      page,
    }) => {
      await page.goto(app.origin);
      await page.getByRole("link", { name: "Log in" }).click();
      await enterPassword(page, alice);
      await page.goto(`${app.origin}/orders`);
      await expect(page.getByRole("listitem")).toHaveText(["Coat", "Umbrella"]);
      expectBearerAt("/orders");
      const denied = await page.goto(`${app.origin}/customers`);
      expect(denied?.status()).toBe(403);
      await page.goto(app.origin);
      await expect(page.getByText("Alice Example")).toBeVisible();
      await expectNoToken(page);
      await button(page, "Log out").click();
      await expect(page.getByRole("link", { name: "Log in" })).toBeVisible();
      expect(app.provider.count("end_session")).toBeGreaterThan(0);
    });

    test(`a server migrated from ${guide} leads a visitor of a protected page through the login back to it`, async ({
      page,
    }) => {
      await page.goto(`${app.origin}/customers`);
      await expect(usernameField(page)).toBeVisible();
      await enterPassword(page, admin);
      await expect(page.getByRole("heading", { name: "Customers" })).toBeVisible();
      await expect(page).toHaveURL(`${app.origin}/customers`);
    });
  });

test.describe("express-openid-connect for scripts", () => {
  startsApp("express-openid-connect");

  test("a route for scripts responds 401 without a session and with the user's claims with one", async ({ page }) => {
    const me = () =>
      page.evaluate(async () => {
        const response = await fetch("/me", { headers: { "X-CSRF": "1" } });
        return { status: response.status, body: (await response.json()) as { name?: string; code?: string } };
      });
    await page.goto(app.origin);
    expect(await me()).toMatchObject({ status: 401, body: { code: "session_missing" } });
    await page.getByRole("link", { name: "Log in" }).click();
    await enterPassword(page, alice);
    await expect(page.getByText("Alice Example")).toBeVisible();
    expect(await me()).toMatchObject({ status: 200, body: { name: "Alice Example" } });
  });
});

test.describe("oauth2-proxy", () => {
  startsApp("oauth2-proxy");
  test.beforeAll(async () => void (await app.provider.addUser(staff)));

  test("an application migrated from oauth2-proxy receives the user in headers that the browser cannot forge", async ({
    page,
  }) => {
    await page.setExtraHTTPHeaders({ "X-Auth-Request-Email": "admin@example.com" });
    await page.goto(`${app.origin}/page`);
    await enterPassword(page, staff);
    await expect(page.getByText("x-auth-request-email: sam@example.com")).toBeVisible();
    await expect(page.getByText("x-auth-request-groups: staff")).toBeVisible();
    expectBearerAt("/page");
    const shown = await page.textContent("pre");
    expect(shown).not.toContain("admin@example.com");
  });

  test("an application migrated from oauth2-proxy is closed to users without the group", async ({ page }) => {
    await page.goto(app.origin);
    await enterPassword(page, alice);
    await expect(page).toHaveTitle(/./);
    const response = await page.goto(`${app.origin}/page`);
    expect(response?.status()).toBe(403);
  });

  test("paths without a login reach the application without an identity, others do not", async ({ request }) => {
    const headers = { "X-Auth-Request-Email": "admin@example.com" };
    expect((await request.post(`${app.origin}/hooks/build`, { headers })).status()).toBe(200);
    expect((await request.get(`${app.origin}/healthz`, { headers })).status()).toBe(200);
    for (const { headers: got } of app.received.filter(({ path }) => path === "/hooks/build" || path === "/healthz"))
      expect([got["x-auth-request-email"], got.authorization]).toEqual([undefined, undefined]);
    for (const [method, path] of [
      ["POST", "/"],
      ["POST", "/healthz"],
      ["GET", "/hooks/build"],
    ] as const)
      expect((await request.fetch(`${app.origin}${path}`, { method, headers, maxRedirects: 0 })).ok()).toBe(false);
  });
});
