// A logout whose end-session endpoint is on another origin than the issuer and redirects to a third one, as a brokered
// provider does. Chromium applies the form-action of the app's page to every redirect after a form post (I10).
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "@playwright/test";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { startProvider } from "@cloakroom/testing/provider/start-provider.ts";
import type { ProviderHandle } from "@cloakroom/testing/provider/types.ts";
import { enterPassword, isOnKeycloak, passwordField } from "../support/provider-pages.ts";
import { expect, test as base } from "../support/test.ts";

type Brokered = {
  provider: ProviderHandle;
  gateway: TestGateway;
  /** Requests to the broker's two origins. */ hops: string[];
};

const SPA_ROOT = fileURLToPath(new URL("../../spa/dist", import.meta.url));
const CLIENT = { clientId: "cloakroom", clientSecret: "a-client-secret-of-the-tests" };
const ALICE = { username: "alice", password: "alice-demo-password" };

const test = base.extend<{ brokered: Brokered }>({
  brokered: async ({ browserName: _browser }, use) => {
    const hops: string[] = [];
    const provider = await startProvider({ port: 0, passwordCost: 2 });
    const second = await startRedirects(() => `${provider.issuer}/session/end`, hops);
    const first = await startRedirects(() => `${second.origin}/broker`, hops);
    const honest = (await (await fetch(`${provider.issuer}/.well-known/openid-configuration`)).json()) as object;
    const metadata = { ...honest, end_session_endpoint: `${first.origin}/logout` };
    provider.faults.set({
      ...{ endpoint: "discovery", status: 200, contentType: "application/json" },
      body: JSON.stringify(metadata),
    });
    const env = { SPA_ROOT, POST_LOGOUT_PATH: "/logged-out" };
    const gateway = await startGateway({ issuer: provider.issuer, ...CLIENT, env });
    const { publicOrigin } = gateway.config;
    await provider.addClient({
      ...CLIENT,
      redirectUris: [`${publicOrigin}/bff/callback`],
      postLogoutRedirectUris: [`${publicOrigin}/bff/logout/return`],
    });
    await use({ provider, gateway, hops });
    await gateway.stop();
    await provider.stop();
    for (const { server } of [first, second]) server.close();
  },
});

test.beforeEach(() => test.skip(isOnKeycloak, "independent of the provider"));

/** Redirects every request to `target`, with its query. */
async function startRedirects(target: () => string, hops: string[]): Promise<{ origin: string; server: Server }> {
  const server = createServer((request, response) => {
    const { pathname, search } = new URL(request.url ?? "/", "http://broker");
    hops.push(pathname);
    response.writeHead(303, { location: target() + search, connection: "close" }).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

async function logIn(page: Page, { gateway }: Brokered): Promise<void> {
  await page.goto(`${gateway.origin}/bff/login?returnTo=/profile`);
  await enterPassword(page, ALICE);
  await page.waitForURL(`${gateway.origin}/profile`);
}

async function expectLoggedOutEverywhere(page: Page, { gateway, hops }: Brokered): Promise<void> {
  await expect(page).toHaveURL(`${gateway.origin}/logged-out`);
  expect(hops).toEqual(["/logout", "/broker"]);
  expect(await page.context().cookies(gateway.origin)).toEqual([]);
  await page.goto(`${gateway.origin}/bff/login`);
  await expect(passwordField(page)).toBeVisible();
}

test("a logout by the app's button reaches the provider through two other origins", async ({ page, brokered }) => {
  await logIn(page, brokered);
  await page.getByRole("button", { name: "Log out", exact: true }).click();
  await expect(page.getByRole("heading", { name: "You are logged out" })).toBeVisible();
  await expectLoggedOutEverywhere(page, brokered);
});

test("a logout by a form of the app reaches the provider through two other origins", async ({ page, brokered }) => {
  await logIn(page, brokered);
  await page.evaluate(() => {
    const form = Object.assign(document.createElement("form"), { method: "post", action: "/bff/logout" });
    document.body.append(form);
    form.submit();
  });
  await expect(page.getByRole("heading", { name: "You are logged out" })).toBeVisible();
  await expectLoggedOutEverywhere(page, brokered);
});

/** The app's pages need scripts: the form is on a page of another app of the same origin. */
async function openForm(browser: Browser, brokered: Brokered, { followsRefresh }: { followsRefresh: boolean }) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await logIn(page, brokered);
  const cookies = await context.cookies();
  await context.close();
  const withoutScripts = await browser.newContext({ javaScriptEnabled: false });
  await withoutScripts.addCookies(cookies);
  const formPage = await withoutScripts.newPage();
  const { origin } = brokered.gateway;
  const html = '<form method="post" action="/bff/logout"><button>Log out</button></form>';
  await formPage.route(`${origin}/form`, (route) => route.fulfill({ contentType: "text/html", body: html }));
  if (!followsRefresh)
    await formPage.route(`${origin}/bff/logout`, async (route) => {
      const response = await route.fetch();
      const body = (await response.text()).replace(/<meta http-equiv[^>]+>/, "");
      await route.fulfill({ response, body });
    });
  await formPage.goto(`${origin}/form`);
  return formPage;
}

test("a logout without scripts continues by itself", async ({ browser, brokered }) => {
  const page = await openForm(browser, brokered, { followsRefresh: true });
  await page.getByRole("button", { name: "Log out" }).click();
  // The embedded provider submits its own form by a script.
  await expect(page.getByRole("heading", { name: "Log out?" })).toBeVisible();
  await page.getByRole("button", { name: "Log out", exact: true }).click();
  await expect(page).toHaveURL(`${brokered.gateway.origin}/logged-out`);
  expect(brokered.hops).toEqual(["/logout", "/broker"]);
  await page.context().close();
});

test("a logout in a browser that follows no refresh continues by the link", async ({ browser, brokered }) => {
  const page = await openForm(browser, brokered, { followsRefresh: false });
  await page.getByRole("button", { name: "Log out" }).click();
  await expect(page.getByRole("heading", { name: "Logging out" })).toBeVisible();
  await page.getByRole("link", { name: "Continue" }).click();
  await expect(page.getByRole("heading", { name: "Log out?" })).toBeVisible();
  await page.context().close();
});

test("a reload after the logout and the back button show no error and no user", async ({ page, brokered }) => {
  await logIn(page, brokered);
  await page.evaluate(() => {
    const form = Object.assign(document.createElement("form"), { method: "post", action: "/bff/logout" });
    document.body.append(form);
    form.submit();
  });
  await expect(page.getByRole("heading", { name: "You are logged out" })).toBeVisible();
  await page.reload();
  await expect(page.getByRole("heading", { name: "You are logged out" })).toBeVisible();
  await page.goBack();
  await expect(page.locator("body")).not.toContainText("Alice");
});
