// The search for leaked secrets, after a tour of the app and with planted secrets: responses, requests, browser state,
// log, metrics and Redis. The same search runs at the end of every test of this suite.
import type { Page } from "@playwright/test";
import { call, requestWithCookie } from "../support/page-requests.ts";
import { logInThroughUi, createUser } from "../support/users.ts";
import { textsOfExchange } from "@cloakroom/testing/leaks/exchange.ts";
import { findLeaks } from "@cloakroom/testing/leaks/search.ts";
import { SESSION_COOKIE } from "@cloakroom/testing/leaks/secrets.ts";
import { listSecrets } from "../support/secrets.ts";
import { enterPassword, providerPages } from "../support/provider-pages.ts";
import { DEFAULT_ACCESS_TOKEN_SECONDS } from "../support/system.ts";
import { expect, test } from "../support/test.ts";

test.afterEach(({ system }) => system.provider.setAccessTokenLifetime(DEFAULT_ACCESS_TOKEN_SECONDS));

test.setTimeout(120_000);

test("a tour of the whole app leaks no token, code, key or session id to browser, log, metrics or Redis", async ({
  page,
  context,
  request,
  system,
  findNewLeaks,
}) => {
  const admin = await createUser(system, { roles: ["user", "admin"] });
  await system.provider.setAccessTokenLifetime(3);
  await page.goto("/call?message=tour");
  await page.getByRole("banner").getByRole("link", { name: "Log in" }).click();
  await enterPassword(page, { ...admin, password: "wrong" });
  await providerPages.expectWrongPassword(page, admin);
  await enterPassword(page, admin);
  await expect(page.getByRole("banner")).toContainText(admin.name);

  for (const resource of ["/api/protected", "/api/department", "/api/admin", "/api/echo"]) {
    await page.getByLabel("Resource").selectOption({ label: resource });
    await page.getByRole("button", { name: "Send" }).click();
    await expect(page.getByRole("region", { name: "Response" })).toContainText("Received after");
  }
  await page.getByRole("button", { name: "Start listening" }).click();
  await expect(page.getByRole("region", { name: "Live events" })).toContainText('"number":4');
  for (const path of ["/", "/profile", "/admin", "/under-the-hood", "/logged-out", "/no-such-page"]) {
    await page.goto(path);
    await expect(page.getByRole("banner")).toContainText(admin.name);
  }
  for (const path of ["/bff/user", "/bff/login", "/bff/nothing", "/api/nothing", "/api/echo/a?b=c", "/api/slow?ms=x"])
    await call(page, path);
  await call(page, "/api/upload", { method: "POST" });
  await system.api.down();
  expect(await call(page, "/api/protected?message=x")).toMatchObject({ status: 502 });
  await system.api.up();
  const status = async () => (await call(page, "/api/protected?message=x")).status;
  // A refresh that the outage cuts may have spent its token: the provider would end the session (decision 0004).
  const refreshes = () => system.provider.count("token:refresh_token");
  const before = refreshes();
  await expect.poll(async () => (await status(), refreshes()), { timeout: 20_000 }).toBeGreaterThan(before);
  await status();
  // Refreshes fail while the provider is down: the gateway logs errors.
  await system.provider.down();
  await expect.poll(status, { timeout: 20_000 }).toBe(503);
  await system.provider.up();
  await expect.poll(status, { timeout: 30_000 }).toBe(200);

  const { value } = (await context.cookies(system.origin)).find(({ name }) => name === SESSION_COOKIE)!;
  await system.provider.endSession(admin.sub);
  expect(
    (await requestWithCookie(request, `${system.origin}/api/protected`, `${SESSION_COOKIE}=${value}`)).status(),
  ).toBe(401);
  await page.goto("/profile");
  await logInThroughUi(page, admin);
  await page.getByRole("button", { name: "Log out", exact: true }).click();
  await expect(page.getByRole("heading", { name: "You are logged out" })).toBeVisible();
  await page.goto("/bff/callback?code=forged&state=forged");

  // Guards against a vacuous search: secrets of every kind exist, and so do texts to search.
  const secrets = listSecrets(system);
  const kinds = new Set(secrets.map((secret) => secret.kind));
  for (const kind of ["accessTokens", "refreshTokens", "idTokens", "logoutTokens", "codes", "clientSecrets"])
    expect(kinds).toContain(kind);
  for (const kind of ["accessTokens (signature)", "idTokens (payload)", "session id", "master key"])
    expect(kinds).toContain(kind);
  expect(Math.min(...secrets.map(({ text }) => text.length))).toBeGreaterThanOrEqual(32);
  expect(system.provider.count("token:refresh_token")).toBeGreaterThan(0);
  expect(system.exchanges.length).toBeGreaterThan(40);
  expect(system.gateway.output().split("\n").length).toBeGreaterThan(40);

  expect(await findNewLeaks()).toEqual([]);
  const serverTexts = [
    { location: "Redis", text: await system.redis.readWrites() },
    { location: "/metrics", text: await (await fetch(`${system.managementOrigin}/metrics`)).text() },
    { location: "/readyz", text: await (await fetch(`${system.managementOrigin}/readyz`)).text() },
  ];
  expect(Math.min(...serverTexts.map(({ text }) => text.length))).toBeGreaterThan(0);
  expect(findLeaks(secrets, serverTexts)).toEqual([]);
});

test("the ID token leaves the gateway only in the redirect to the provider's end-session endpoint", async ({
  loggedInPage,
  user,
  system,
}) => {
  const first = system.exchanges.length;
  await loggedInPage.goto("/profile");
  await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
  await loggedInPage.getByRole("button", { name: "Log out", exact: true }).click();
  await expect(loggedInPage.getByRole("heading", { name: "You are logged out" })).toBeVisible();
  const idTokens = system.provider.issuedTokens().idTokens;
  const carriers = system.exchanges.slice(first).filter((exchange) => {
    const text = JSON.stringify([exchange.url, exchange.requestHeaders, exchange.headers, exchange.body()]);
    return idTokens.some((token) => text.includes(token));
  });
  expect(carriers.map(({ method, url, status }) => [method, url, status])).toEqual([
    ["GET", "/bff/logout/provider", 303],
  ]);
  expect(carriers[0]!.body()).toBe("");
  const [, location = ""] = carriers[0]!.headers.find(([name]) => name.toLowerCase() === "location") ?? [];
  const target = new URL(location);
  expect(target.origin).toBe(new URL(system.provider.issuer).origin);
  expect(idTokens).toContain(target.searchParams.get("id_token_hint"));
  // The API accepts access tokens only.
  const headers = { authorization: `Bearer ${target.searchParams.get("id_token_hint")}` };
  expect((await fetch(`${system.api.url}/protected?message=x`, { headers })).status).toBe(401);
});

test.describe("search", () => {
  test.use({ allowed: { leaks: true } });

  type Plant = { location: string; plant: (page: Page, secret: string) => Promise<unknown> };
  const logInPage = (text: string) => {
    const { log } = console;
    log("a line of the app's", { text });
  };
  /** One location per kind of secret: together they cover every location that is searched. */
  const PLANTS: Record<string, Plant> = {
    accessTokens: { location: "console", plant: (page, secret) => page.evaluate(logInPage, secret) },
    "accessTokens (payload)": {
      location: "storage",
      plant: (page, secret) => page.evaluate((text) => localStorage.setItem("x", text), secret),
    },
    "accessTokens (signature)": {
      location: "cookies",
      plant: (page, secret) => page.evaluate((text) => (document.cookie = `x=${text}`), secret),
    },
    refreshTokens: {
      location: "history",
      plant: (page, secret) => page.evaluate((text) => history.replaceState({ text }, ""), secret),
    },
    "idTokens (signature)": {
      location: "document",
      plant: (page, secret) => page.evaluate((text) => document.body.append(text), secret),
    },
    codes: { location: "address", plant: (page, secret) => page.evaluate((text) => (location.hash = text), secret) },
    clientSecrets: { location: "request URL", plant: (page, secret) => call(page, `/bff/user?x=${secret}`) },
    "session id": { location: "body of GET /api/echo", plant: (page, secret) => call(page, `/api/echo?x=${secret}`) },
    "master key": { location: "gateway log", plant: (page, secret) => call(page, `/api/${secret}`) },
  };

  test("the search finds every kind of secret, in every location", async ({
    loggedInPage,
    user,
    system,
    findNewLeaks,
  }) => {
    await loggedInPage.goto("/profile");
    await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
    expect(await findNewLeaks()).toEqual([]);
    const secrets = listSecrets(system);
    for (const [kind, { location, plant }] of Object.entries(PLANTS)) {
      await plant(loggedInPage, secrets.findLast((secret) => secret.kind === kind)!.text);
      const locations = async () =>
        (await findNewLeaks()).filter((leak) => leak.kind === kind).map((leak) => leak.location);
      // Polled: the gateway logs a request after its response.
      await expect.poll(async () => (await locations()).join("\n"), kind).toContain(location);
    }
  });

  test("the search allows secrets where the protocol puts them, and nowhere else in an exchange", async ({
    loggedInPage,
    user,
    system,
  }) => {
    await loggedInPage.goto("/");
    await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
    const secrets = listSecrets(system);
    const { idTokens, codes } = system.provider.issuedTokens();
    const [idToken, code] = [idTokens.at(-1)!, codes.at(-1)!];
    const sessionId = secrets.find(({ kind }) => kind === "session id")!.text;
    const clean = {
      method: "GET",
      url: "/",
      requestHeaders: "",
      status: 200,
      headers: [] as [string, string][],
      body: () => "",
    };
    const hint = `http://127.0.0.1/session/end?id_token_hint=${idToken}&x=y`;
    const logout = { ...clean, method: "POST", url: "/bff/logout" };
    const redirect = { ...clean, url: "/bff/logout/provider", status: 303 };
    const leaksOf = (exchange: typeof clean) => findLeaks(secrets, textsOfExchange(exchange, secrets)).length;

    expect(leaksOf(clean)).toBe(0);
    expect(leaksOf({ ...clean, headers: [["Set-Cookie", `${SESSION_COOKIE}=${sessionId}; Path=/`]] })).toBe(0);
    expect(leaksOf({ ...redirect, headers: [["Location", hint]] })).toBe(0);
    expect(leaksOf({ ...clean, url: `/bff/callback?code=${code}&state=x` })).toBe(0);

    expect(leaksOf({ ...clean, headers: [["Set-Cookie", `other=${sessionId}; Path=/`]] })).toBeGreaterThan(0);
    expect(leaksOf({ ...clean, headers: [["X-Session", sessionId]] })).toBeGreaterThan(0);
    expect(leaksOf({ ...clean, requestHeaders: `x-session: ${sessionId}` })).toBeGreaterThan(0);
    expect(leaksOf({ ...clean, body: () => hint })).toBeGreaterThan(0);
    expect(leaksOf({ ...logout, status: 303, headers: [["Location", hint]] })).toBeGreaterThan(0);
    expect(leaksOf({ ...logout, body: () => JSON.stringify({ location: hint }) })).toBeGreaterThan(0);
    expect(leaksOf({ ...redirect, body: () => hint })).toBeGreaterThan(0);
    expect(leaksOf({ ...redirect, headers: [["Set-Cookie", `x=${idToken}`]] })).toBeGreaterThan(0);
    expect(leaksOf({ ...clean, url: `/?code=${code}` })).toBeGreaterThan(0);
    expect(leaksOf({ ...clean, url: "/bff/callback", body: () => code })).toBeGreaterThan(0);
    expect(leaksOf({ ...clean, body: () => system.masterKey })).toBeGreaterThan(0);
  });
});
