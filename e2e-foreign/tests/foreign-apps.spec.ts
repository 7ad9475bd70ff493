// Apps outside the workspace with the packed packages: login, a call of the API, logout, and what must be rejected. The apps
// look alike, so that one test describes all of them.
import { expect, test, type APIRequestContext, type Page } from "@playwright/test";
import { DEMO_USERS } from "@cloakroom/testing/provider/users.ts";
import { createLeakWatch, findLeaks, secretsOf, SESSION_COOKIE } from "@cloakroom/testing/leaks";
import { recordBrowser } from "../../e2e/support/browser-recorder.ts";
import { enterPassword } from "../../e2e/support/provider-pages.ts";
import { startForeignApp, type ForeignApp } from "../support/foreign-app.ts";

/** Folder in e2e-foreign/apps and the scripts of its package.json that run it. */
const APPS = [
  { title: "Vite and React", folder: "vite-react", scripts: ["api", "start"] },
  { title: "Express with Vite", folder: "express-vite", scripts: ["start"] },
  { title: "Fastify", folder: "fastify", scripts: ["start"] },
  { title: "Hono", folder: "hono", scripts: ["start"] },
  { title: "Next.js", folder: "next", scripts: ["app", "start"] },
] as const;

const [alice = { username: "", password: "", name: "" }] = DEMO_USERS;
const API = "/api/hello";
/** What the app's own scripts send. */
const OWN = { "x-csrf": "1", "sec-fetch-site": "same-origin" };

async function logIn(page: Page, { origin }: ForeignApp): Promise<void> {
  await page.goto(origin);
  await page.getByRole("link", { name: "Log in" }).click();
  await enterPassword(page, alice);
  await expect(page.getByText(`Hello ${alice.name}`)).toBeVisible();
}

async function callApi(request: APIRequestContext, { origin }: ForeignApp, headers: Record<string, string>) {
  const response = await request.get(`${origin}${API}`, { headers });
  const { code } = (await response.json().catch(() => ({}))) as { code?: string };
  return { status: response.status(), code };
}

for (const { title, folder, scripts } of APPS)
  test.describe(title, () => {
    let app: ForeignApp;
    test.beforeAll(async () => {
      app = await startForeignApp(folder, scripts);
    });
    test.afterAll(() => app?.stop());
    test.afterEach(async ({ browserName: _browser }, testInfo) => {
      if (testInfo.status !== testInfo.expectedStatus)
        await testInfo.attach("output of the app", { body: app?.output() ?? "" });
    });

    test("a user logs in, calls the API and logs out, and the browser never sees a token", async ({
      page,
      context,
    }) => {
      const record = await recordBrowser(context, app.origin);
      const leaks = createLeakWatch({ origin: app.origin, provider: app.issued });
      leaks.watch(context);
      await page.goto(app.origin);
      await expect(page.getByRole("link", { name: "Log in" })).toBeVisible();
      await logIn(page, app);
      await page.getByRole("button", { name: "Call the API" }).click();
      await expect(page.getByText(`The API greets ${alice.username}`)).toBeVisible();
      await leaks.expectNoLeak();
      await page.getByRole("button", { name: "Log out" }).click();
      await expect(page.getByRole("link", { name: "Log in" })).toBeVisible();
      expect(new URL(page.url()).origin).toBe(app.origin);
      await leaks.expectNoLeak();
      const output = { location: "output of the app", text: app.output() };
      expect(findLeaks(secretsOf(await app.issued.issuedTokens()), [output])).toEqual([]);
      expect(record.violations).toEqual([]);
      expect(record.scriptErrors).toEqual([]);
    });

    test("requests that the app has not sent are rejected", async ({ page, context, playwright }) => {
      await logIn(page, app);
      const { request } = context;
      expect(await callApi(request, app, OWN)).toEqual({ status: 200 });
      expect(await callApi(request, app, { "sec-fetch-site": "same-origin" })).toMatchObject({ status: 403 });
      expect(await callApi(request, app, { ...OWN, "sec-fetch-site": "cross-site" })).toMatchObject({ status: 403 });
      expect(await callApi(request, app, { "x-csrf": "1", origin: "https://attacker.example" })).toMatchObject({
        status: 403,
      });
      expect(await callApi(request, app, { "x-csrf": "1" })).toMatchObject({ status: 403 });
      const stranger = await playwright.request.newContext();
      expect(await callApi(stranger, app, OWN)).toEqual({ status: 401, code: "session_missing" });
      await stranger.dispose();
    });

    test("a page of an earlier login is rejected, and so is the cookie of a session that has ended", async ({
      page,
      context,
      playwright,
    }) => {
      await logIn(page, app);
      const headers = { ...OWN, "x-session-handle": "AAAAAAAAAAAAAAAAAAAAAA" };
      expect(await callApi(context.request, app, headers)).toEqual({ status: 409, code: "session_changed" });

      const cookies = await context.cookies();
      const { value: sessionId = "" } = cookies.find(({ name }) => name === SESSION_COOKIE) ?? {};
      const thief = await playwright.request.newContext();
      const stolen = { ...OWN, cookie: `${SESSION_COOKIE}=${sessionId}` };
      expect(await callApi(thief, app, stolen)).toEqual({ status: 200 });
      await page.getByRole("button", { name: "Log out" }).click();
      await expect(page.getByRole("link", { name: "Log in" })).toBeVisible();
      expect(await callApi(thief, app, stolen)).toMatchObject({ status: 401 });
      await thief.dispose();
    });
  });
