// Tokens stay on the server: after a whole journey through the app, every place that a browser, its owner or an operator
// could look into is searched for every secret there is. The same search runs at the end of every test of this suite.
import type { Page } from "@playwright/test";
import { call, replay } from "../support/calls.ts";
import { logInByHand, newPerson } from "../support/people.ts";
import { findLeaks, haystacksOf, needlesOf, SESSION_COOKIE } from "../support/secrets.ts";
import { enterPassword, providerPages } from "../support/provider-pages.ts";
import { USUAL_ACCESS_TOKEN_SECONDS } from "../support/system.ts";
import { expect, test } from "../support/test.ts";

test.afterEach(({ system }) => system.provider.issueAccessTokensFor(USUAL_ACCESS_TOKEN_SECONDS));

test("no token, code, key or session id is seen anywhere on a journey through the whole app", async ({
  page,
  context,
  request,
  system,
  search,
}) => {
  const admin = await newPerson(system, { roles: ["user", "admin"] });
  await system.provider.issueAccessTokensFor(3);
  await page.goto("/call?message=journey");
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
  // The token of three seconds has run out by now, and the provider is away: the gateway has every reason to complain.
  await system.provider.down();
  const status = async () => (await call(page, "/api/protected?message=x")).status;
  await expect.poll(status, { timeout: 20_000 }).toBe(503);
  await system.provider.up();
  await expect.poll(status, { timeout: 30_000 }).toBe(200);

  const { value } = (await context.cookies(system.origin)).find(({ name }) => name === SESSION_COOKIE)!;
  await system.provider.endSession(admin.sub);
  expect((await replay(request, `${system.origin}/api/protected`, `${SESSION_COOKIE}=${value}`)).status()).toBe(401);
  await page.goto("/profile");
  await logInByHand(page, admin);
  await page.getByRole("button", { name: "Log out", exact: true }).click();
  await expect(page.getByRole("heading", { name: "You are logged out" })).toBeVisible();
  await page.goto("/bff/callback?code=forged&state=forged");

  // A search for nothing, or in nothing, would find nothing.
  const needles = needlesOf(system);
  const kinds = new Set(needles.map(({ what }) => what));
  for (const kind of ["accessTokens", "refreshTokens", "idTokens", "logoutTokens", "codes", "clientSecrets"])
    expect(kinds).toContain(kind);
  for (const kind of ["accessTokens (signature)", "idTokens (payload)", "session id", "master key"])
    expect(kinds).toContain(kind);
  expect(Math.min(...needles.map(({ text }) => text.length))).toBeGreaterThanOrEqual(32);
  expect(system.provider.count("token:refresh_token")).toBeGreaterThan(0);
  expect(system.exchanges.length).toBeGreaterThan(40);
  expect(system.gateway.output().split("\n").length).toBeGreaterThan(40);

  expect(await search()).toEqual([]);
  const beyondTheBrowser = [
    { where: "Redis, everything ever written", text: await system.redis.written() },
    { where: "/metrics", text: await (await fetch(`${system.managementOrigin}/metrics`)).text() },
    { where: "/readyz", text: await (await fetch(`${system.managementOrigin}/readyz`)).text() },
  ];
  expect(Math.min(...beyondTheBrowser.map(({ text }) => text.length))).toBeGreaterThan(0);
  expect(findLeaks(needles, beyondTheBrowser)).toEqual([]);
});

test("the ID token leaves the gateway in one place only: the address of the provider's logout", async ({
  loggedIn,
  person,
  system,
}) => {
  const first = system.exchanges.length;
  await loggedIn.goto("/profile");
  await expect(loggedIn.getByRole("banner")).toContainText(person.name);
  await loggedIn.getByRole("button", { name: "Log out", exact: true }).click();
  await expect(loggedIn.getByRole("heading", { name: "You are logged out" })).toBeVisible();
  const idTokens = system.provider.issuedTokens().idTokens;
  const carriers = system.exchanges.slice(first).filter((exchange) => {
    const whole = JSON.stringify([exchange.url, exchange.requestHeaders, exchange.headers, exchange.body()]);
    return idTokens.some((token) => whole.includes(token));
  });
  expect(carriers.map(({ method, url, status }) => [method, url, status])).toEqual([
    ["GET", "/bff/logout/provider", 303],
  ]);
  expect(carriers[0]!.body()).toBe("");
  const [, location = ""] = carriers[0]!.headers.find(([name]) => name.toLowerCase() === "location") ?? [];
  const target = new URL(location);
  expect(target.origin).toBe(new URL(system.provider.issuer).origin);
  expect(idTokens).toContain(target.searchParams.get("id_token_hint"));
  // It is nothing that opens an API: those take access tokens only.
  const headers = { authorization: `Bearer ${target.searchParams.get("id_token_hint")}` };
  expect((await fetch(`${system.api.url}/protected?message=x`, { headers })).status).toBe(401);
});

test.describe("the search", () => {
  test.use({ allowed: { leaks: true } });

  type Plant = { where: string; plant: (page: Page, secret: string) => Promise<unknown> };
  const logInPage = (text: string) => {
    const { log } = console;
    log("a line of the app's", { text });
  };
  /** Every kind of secret somewhere else, so that each place is known to be searched. */
  const PLANTS: Record<string, Plant> = {
    accessTokens: { where: "console", plant: (page, secret) => page.evaluate(logInPage, secret) },
    "accessTokens (payload)": {
      where: "storage",
      plant: (page, secret) => page.evaluate((text) => localStorage.setItem("x", text), secret),
    },
    "accessTokens (signature)": {
      where: "cookies",
      plant: (page, secret) => page.evaluate((text) => (document.cookie = `x=${text}`), secret),
    },
    refreshTokens: {
      where: "history",
      plant: (page, secret) => page.evaluate((text) => history.replaceState({ text }, ""), secret),
    },
    "idTokens (signature)": {
      where: "document",
      plant: (page, secret) => page.evaluate((text) => document.body.append(text), secret),
    },
    codes: { where: "address", plant: (page, secret) => page.evaluate((text) => (location.hash = text), secret) },
    clientSecrets: { where: "request URL", plant: (page, secret) => call(page, `/bff/user?x=${secret}`) },
    "session id": { where: "body of GET /api/echo", plant: (page, secret) => call(page, `/api/echo?x=${secret}`) },
    "master key": { where: "the gateway's log", plant: (page, secret) => call(page, `/api/${secret}`) },
  };

  test("finds each kind of secret, wherever it shows up", async ({ loggedIn, person, system, search }) => {
    await loggedIn.goto("/profile");
    await expect(loggedIn.getByRole("banner")).toContainText(person.name);
    expect(await search()).toEqual([]);
    const needles = needlesOf(system);
    for (const [kind, { where, plant }] of Object.entries(PLANTS)) {
      await plant(loggedIn, needles.findLast(({ what }) => what === kind)!.text);
      const places = async () => (await search()).filter(({ what }) => what === kind).map((leak) => leak.where);
      // The log line comes when the answer has gone.
      await expect.poll(async () => (await places()).join("\n"), kind).toContain(where);
    }
  });

  test("finds what an answer must not carry, and lets pass what it must", async ({ loggedIn, person, system }) => {
    await loggedIn.goto("/");
    await expect(loggedIn.getByRole("banner")).toContainText(person.name);
    const needles = needlesOf(system);
    const { idTokens, codes } = system.provider.issuedTokens();
    const [idToken, code] = [idTokens.at(-1)!, codes.at(-1)!];
    const sessionId = needles.find(({ what }) => what === "session id")!.text;
    const none = {
      method: "GET",
      url: "/",
      requestHeaders: "",
      status: 200,
      headers: [] as [string, string][],
      body: () => "",
    };
    const hint = `http://127.0.0.1/session/end?id_token_hint=${idToken}&x=y`;
    const logout = { ...none, method: "POST", url: "/bff/logout" };
    const onTheWay = { ...none, url: "/bff/logout/provider", status: 303 };
    const leaksOf = (exchange: typeof none) => findLeaks(needles, haystacksOf(exchange, needles)).length;

    expect(leaksOf(none)).toBe(0);
    expect(leaksOf({ ...none, headers: [["Set-Cookie", `${SESSION_COOKIE}=${sessionId}; Path=/`]] })).toBe(0);
    expect(leaksOf({ ...logout, status: 303, headers: [["Location", hint]] })).toBe(0);
    expect(leaksOf({ ...onTheWay, headers: [["Location", hint]] })).toBe(0);
    expect(leaksOf({ ...none, url: `/bff/callback?code=${code}&state=x` })).toBe(0);

    expect(leaksOf({ ...none, headers: [["Set-Cookie", `other=${sessionId}; Path=/`]] })).toBeGreaterThan(0);
    expect(leaksOf({ ...none, headers: [["X-Session", sessionId]] })).toBeGreaterThan(0);
    expect(leaksOf({ ...none, requestHeaders: `x-session: ${sessionId}` })).toBeGreaterThan(0);
    expect(leaksOf({ ...none, body: () => hint })).toBeGreaterThan(0);
    expect(leaksOf({ ...logout, body: () => JSON.stringify({ location: hint }) })).toBeGreaterThan(0);
    expect(leaksOf({ ...onTheWay, body: () => hint })).toBeGreaterThan(0);
    expect(leaksOf({ ...onTheWay, headers: [["Set-Cookie", `x=${idToken}`]] })).toBeGreaterThan(0);
    expect(leaksOf({ ...none, url: `/?code=${code}` })).toBeGreaterThan(0);
    expect(leaksOf({ ...none, url: "/bff/callback", body: () => code })).toBeGreaterThan(0);
    expect(leaksOf({ ...none, body: () => system.masterKey })).toBeGreaterThan(0);
  });
});
