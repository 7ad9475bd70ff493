// The fixtures of @cloakroom/testing with the demo app: login without its pages, expiry, revocation, outages and faults.
import { existsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startResourceApi, type ResourceApi } from "@cloakroom/demo/api/start-resource-api.ts";
import { test as base, expect } from "@cloakroom/testing/playwright";
import { ID_TOKEN_FAULTS } from "@cloakroom/testing/provider";
import { call } from "../../support/page-requests.ts";

const PAGES = fileURLToPath(new URL("../../../spa/dist", import.meta.url));

const test = base.extend({
  cloakroom: [
    async ({ browserName: _browser }, use) => {
      let api: ResourceApi | undefined;
      await use({
        pages: PAGES,
        env: { POST_LOGOUT_PATH: "/logged-out" },
        upstreams: async ({ issuer, resource }) => {
          api = await startResourceApi({ port: 0, issuer, audience: resource });
          return { "/api": api.url };
        },
      });
      await api?.stop();
    },
    { scope: "worker" },
  ],
});

const API = "/api/protected?message=x";

test("a login takes milliseconds and no page of the provider", async ({ page, login, user, provider }) => {
  const durations: number[] = [];
  for (const _each of [1, 2, 3]) {
    const started = performance.now();
    await login(page, user);
    durations.push(Math.round(performance.now() - started));
  }
  // Not asserted: the first one loads code in three processes, and the machine may be busy.
  process.stdout.write(`login without the UI: ${durations.join(", ")} ms\n`);
  await page.goto("/profile");
  await expect(page.getByRole("banner")).toContainText(user.name);
  expect(await call(page, API)).toMatchObject({ status: 200 });
  expect(await provider.count("token:authorization_code")).toBeGreaterThan(0);
});

test("several users are logged in at the same time, each in a browser of its own", async ({
  browser,
  system,
  login,
  createUser,
}) => {
  const users = await Promise.all([createUser({ roles: ["user", "admin"] }), createUser(), createUser()]);
  for (const user of users) {
    const context = await browser.newContext({ baseURL: system.origin });
    await login(context, user);
    const page = await context.newPage();
    await page.goto("/");
    expect(await call(page, "/bff/user")).toMatchObject({ body: { user: { sub: user.sub } } });
    expect((await call(page, "/api/admin")).status).toBe(user === users[0] ? 200 : 403);
  }
});

test("a second login replaces the user of the browser", async ({ page, login, createUser }) => {
  const [first, second] = [await createUser(), await createUser()];
  await login(page, first);
  await login(page, second);
  await page.goto("/");
  expect(await call(page, "/bff/user")).toMatchObject({ body: { user: { sub: second.sub } } });
});

test("a session is reused from a storage state", async ({ page, browser, system, login, user }) => {
  await login(page, user);
  const storageState = await page.context().storageState();
  const context = await browser.newContext({ baseURL: system.origin, storageState });
  const other = await context.newPage();
  await other.goto("/profile");
  await expect(other.getByRole("banner")).toContainText(user.name);
});

test("a request after the access token has expired succeeds with one refresh", async ({
  page,
  login,
  user,
  provider,
  expireAccessToken,
}) => {
  await login(page, user, { accessTokenSeconds: 2 });
  await page.goto("/call");
  await call(page, API);
  await expireAccessToken(page);
  const before = await provider.count("token:refresh_token");
  expect(await call(page, API)).toMatchObject({ status: 200 });
  expect(await provider.count("token:refresh_token")).toBe(before + 1);
});

test("the app shows that the session has expired", async ({ page, login, user, expireSession }) => {
  await login(page, user, { sessionSeconds: 4 });
  await page.goto("/call");
  await page.getByLabel("Message").fill("a long thought");
  await expireSession(page);
  await expect(page.getByRole("region", { name: "Your session has expired" })).toBeVisible();
  await expect(page.getByLabel("Message")).toHaveValue("a long thought");
});

test("an expiry that the test cannot wait for is an error with the cure", async ({
  page,
  login,
  user,
  expireAccessToken,
  expireSession,
}) => {
  await login(page, user);
  await expect(expireAccessToken(page)).rejects.toThrow(/login\(page, user, \{ accessTokenSeconds: 2 \}\)/);
  await expect(expireSession(page)).rejects.toThrow(/login\(page, user, \{ sessionSeconds: 3 \}\)/);
});

test("a session that is revoked at the provider ends, and the app leads back to the login", async ({
  page,
  login,
  user,
  revoke,
}) => {
  await login(page, user);
  await page.goto("/call");
  await expect(page.getByRole("banner")).toContainText(user.name);
  await revoke(page);
  expect(await call(page, API)).toMatchObject({ status: 401, body: { code: "session_revoked" } });
  await page.getByRole("link", { name: "Log in again" }).click();
  await expect(page.getByLabel("Password", { exact: true })).toBeVisible();
});

test("an outage of the provider is 503 with Retry-After and no logout", async ({
  page,
  login,
  user,
  provider,
  expireAccessToken,
}) => {
  await login(page, user, { accessTokenSeconds: 2 });
  await page.goto("/call");
  await expireAccessToken(page);
  await provider.takeDown();
  const response = page.waitForResponse((each) => each.url().includes(API));
  expect(await call(page, API)).toMatchObject({ status: 503 });
  expect(Number((await response).headers()["retry-after"])).toBeGreaterThan(0);
  expect(await call(page, "/bff/user")).toMatchObject({ body: { user: { sub: user.sub } } });
  await provider.restore();
  await expect.poll(async () => (await call(page, API)).status, { timeout: 20_000 }).toBe(200);
});

test("the outage of a test has ended in the next one", async ({ page, login, user }) => {
  await login(page, user);
  await page.goto("/profile");
  await expect(page.getByRole("banner")).toContainText(user.name);
});

test("a refresh with an ID token of another user ends the session", async ({
  page,
  login,
  user,
  provider,
  expireAccessToken,
}) => {
  await login(page, user, { accessTokenSeconds: 2 });
  await page.goto("/call");
  await expireAccessToken(page);
  await provider.setFault({ endpoint: "token", idToken: "wrong-subject" });
  expect((await call(page, API)).status).not.toBe(200);
});

test.describe("a login with a fault of the provider fails", () => {
  // Any subject is that of the user who logs in; a refresh compares it (OpenID Connect Core 1.0 §12.2).
  for (const idToken of ID_TOKEN_FAULTS.filter((each) => each !== "wrong-subject"))
    test(`with an ID token that is ${idToken}`, async ({ page, login, user, provider }) => {
      await provider.setFault({ endpoint: "token", idToken });
      await expect(login(page, user)).rejects.toThrow(/\/bff\/callback responded [45]\d\d/);
      await page.goto("/");
      expect(await call(page, "/bff/user")).toMatchObject({ body: { user: null } });
      await provider.clearFaults();
      await login(page, user);
    });

  test("with a token endpoint that responds 500", async ({ page, login, user, provider }) => {
    await provider.setFault({ endpoint: "token", status: 500 });
    await expect(login(page, user)).rejects.toThrow(/responded 5\d\d/);
  });

  test("with a wrong password", async ({ page, login, user }) => {
    await expect(login(page, { username: user.username, password: "wrong" })).rejects.toThrow(/is wrong/);
  });
});

/** Waits for the other test of this name, which runs in another worker of the same run. */
async function rendezvous(name: string, side: "a" | "b"): Promise<void> {
  const file = (of: string) => join(tmpdir(), `cloakroom-${process.ppid}-${name}-${of}`);
  writeFileSync(file(side), "");
  await expect.poll(() => existsSync(file(side === "a" ? "b" : "a")), { timeout: 60_000 }).toBe(true);
}

test.describe("parallel workers do not disturb each other", () => {
  test.describe.configure({ mode: "parallel", timeout: 120_000 });

  test("a worker with an outage", async ({ page, login, user, provider }, testInfo) => {
    test.skip(testInfo.config.workers < 2, "needs two workers");
    await login(page, user);
    await page.goto("/");
    await provider.takeDown();
    await rendezvous("down", "a");
    await rendezvous("done", "a");
    await expect(login(page, user)).rejects.toThrow(/responded 503|ECONNREFUSED/);
  });

  test("a worker without one", async ({ page, login, user }, testInfo) => {
    test.skip(testInfo.config.workers < 2, "needs two workers");
    await rendezvous("down", "b");
    await login(page, user);
    await page.goto("/profile");
    await expect(page.getByRole("banner")).toContainText(user.name);
    expect(await call(page, API)).toMatchObject({ status: 200 });
    await rendezvous("done", "b");
  });
});

test.describe("with the leak search after each test", () => {
  test.use({ checksLeaks: true });

  test("a tour of the app passes", async ({ page, login, user, revoke }) => {
    await login(page, user);
    for (const path of ["/", "/profile", "/under-the-hood", "/call"]) {
      await page.goto(path);
      await expect(page.getByRole("banner")).toContainText(user.name);
    }
    await page.getByRole("button", { name: "Send" }).click();
    await expect(page.getByRole("region", { name: "Response" })).toContainText("Received after");
    await page.getByRole("button", { name: "Log out", exact: true }).click();
    await expect(page.getByRole("heading", { name: "You are logged out" })).toBeVisible();
    await login(page, user);
    await page.goto("/profile");
    await revoke(page);
  });
});
