// Chromium's back-forward cache, which Playwright turns off by default: after the end of a session, the back button must not
// show a server-rendered page of the user, although the app lets browsers store its pages.
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, type BrowserContext, type Page } from "@playwright/test";
import { startSystem, type System } from "@cloakroom/demo/system.ts";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { DEMO_USERS } from "@cloakroom/testing/provider/users.ts";
import { chromiumLaunchOptions } from "@cloakroom/testkit/chromium.ts";

test.use({
  launchOptions: { ...chromiumLaunchOptions(), ignoreDefaultArgs: ["--disable-back-forward-cache"] },
});

const PAGE = (user: string) => `<!doctype html><title>App</title><h1>Hello ${user}</h1>
<a href="/next">Next</a><form method="post" action="/bff/logout"><button>Log out</button></form>
<script>addEventListener("pageshow", ({ persisted }) => { if (persisted) document.title = "restored"; });</script>`;

let app: Server;
let system: System;
let folder: string;

test.beforeAll(async () => {
  app = createServer((request, response) => {
    const user = request.headers.authorization === undefined ? "no user" : "a user";
    response.setHeader("cache-control", "private, max-age=600");
    response.setHeader("content-type", "text/html").end(PAGE(user));
  }).listen(0, "127.0.0.1");
  await once(app, "listening");
  folder = await mkdtemp(join(tmpdir(), "cloakroom-back-"));
  const file = join(folder, "upstreams.json");
  const baseUrl = `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
  await writeFile(file, JSON.stringify([{ prefix: "/", baseUrl, access: "optional", csrf: "same-origin" }]));
  const provider = await freePort();
  system = await startSystem({
    ports: { provider },
    provider: { passwordCost: 2, issuer: `http://127.0.0.1:${provider}` },
    gatewayEnv: { UPSTREAMS: "", UPSTREAMS_FILE: file },
  });
});
test.afterAll(async () => {
  await system?.stop();
  app.closeAllConnections();
  app.close();
  await rm(folder, { recursive: true, force: true });
});

const { username, password } = DEMO_USERS.find((user) => user.username === "alice") ?? { username: "", password: "" };

async function logIn(page: Page): Promise<void> {
  await page.goto(`${system.origin}/bff/login?returnTo=/list`);
  await page.getByLabel(/Username/).fill(username);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await expect(page.getByRole("heading", { name: "Hello a user" })).toBeVisible();
}

async function logOut(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Log out" }).click();
  await page.waitForURL(`${system.origin}/logged-out`);
}

// A restored page fires no load event.
test("Chromium restores a page without a user from its back-forward cache", async ({ page }) => {
  await page.goto(`${system.origin}/list`);
  await page.getByRole("link", { name: "Next" }).click();
  await page.waitForURL(`${system.origin}/next`);
  await page.goBack({ waitUntil: "commit" });
  await expect(page).toHaveTitle("restored");
});

const ENDS: readonly [how: string, end: (page: Page, context: BrowserContext) => Promise<void>][] = [
  ["a logout in this tab", logOut],
  [
    "a logout in another tab",
    async (page, context) => {
      await page.getByRole("link", { name: "Next" }).click();
      await page.waitForURL(`${system.origin}/next`);
      const other = await context.newPage();
      await other.goto(`${system.origin}/other`);
      await logOut(other);
      await other.close();
    },
  ],
];
for (const [how, end] of ENDS)
  test(`the back button after ${how} does not show the user's page`, async ({ page, context }) => {
    await logIn(page);
    await end(page, context);
    await page.goBack({ waitUntil: "commit" });
    await page.waitForURL(`${system.origin}/list`);
    await expect(page.getByRole("heading", { name: "Hello no user" })).toBeVisible();
    await expect(page).toHaveTitle("App");
  });
