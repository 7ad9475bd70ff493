// The migration guides (docs/guides/migrate-from-*.md): their code after the migration runs in a browser.
import { globSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { transformWithOxc } from "vite";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { DEMO_USERS } from "@cloakroom/testing/provider/users.ts";
import { enterPassword } from "../../e2e/support/provider-pages.ts";
import { codeOf, startMigrated, type MigratedApp } from "../support/guide-code.ts";

const [alice] = DEMO_USERS;
if (alice === undefined) throw new Error("The provider has no demo users.");
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
  expect(guides).toEqual(["oauth2-proxy"]);
  for (const guide of guides) {
    const blocks = codeOf(guide);
    for (const phase of ["before", "after"] as const)
      expect([guide, blocks.some(({ phases }) => phases.includes(phase))]).toEqual([guide, true]);
    for (const { language, file, code } of blocks) if (/^jsx?$/.test(language)) await transformWithOxc(code, file);
  }
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
