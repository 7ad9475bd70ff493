// Wrong, forged and oversized input in a real browser: a clear answer, nobody gains or loses a session, and one log line
// says why.
import { call } from "../support/calls.ts";
import { loginUpToCallback } from "../support/people.ts";
import { SESSION_COOKIE } from "../support/secrets.ts";
import { expect, test } from "../support/test.ts";

const logged = (output: string, event: string) =>
  output
    .split("\n")
    .filter((line) => line.includes(`"event":"${event}"`))
    .map((line) => JSON.parse(line) as { reason: string });

const SENSELESS_CALLBACKS = [
  { what: "without anything", query: "", reason: "there is no state" },
  { what: "without a code", query: "?state=x", reason: "there is neither code nor error" },
  { what: "without a state", query: "?code=x", reason: "there is no state" },
  { what: "with two states", query: "?code=x&state=a&state=b", reason: "a parameter is given twice" },
  { what: "with a state of nobody's", query: "?code=x&state=y", reason: "not of a login that this browser has" },
  {
    what: "with an error for a state of nobody's",
    query: "?error=x&state=y",
    reason: "not of a login that this browser",
  },
  { what: "with a state far too long", query: `?state=${"x".repeat(8_000)}&code=x`, reason: "not of a login" },
  {
    what: "with twenty parameters",
    query: `?${Array.from({ length: 20 }, (_, at) => `p${at}=x`).join("&")}`,
    reason: "the callback is too large",
  },
];

test("a callback that is incomplete, doubled, too long or nobody's is refused in plain words", async ({
  page,
  context,
  system,
}) => {
  for (const { what, query, reason } of SENSELESS_CALLBACKS) {
    const before = logged(system.gateway.output(), "login_failed").length;
    const response = await page.goto(`/bff/callback${query}`);
    expect(response!.status(), what).toBe(400);
    await expect(page.getByRole("heading", { name: "The login was not completed" }), what).toBeVisible();
    await expect(page.getByRole("link", { name: "Try again" }), what).toBeVisible();
    const reasons = () =>
      logged(system.gateway.output(), "login_failed")
        .slice(before)
        .map((line) => line.reason);
    await expect.poll(reasons, what).toEqual([expect.stringContaining(reason)]);
  }
  expect(await context.cookies()).toEqual([]);
});

test("a callback that makes no sense takes no session away", async ({ loggedIn, person }) => {
  await loggedIn.goto("/bff/callback?code=x&state=y");
  await expect(loggedIn).toHaveURL("/");
  await expect(loggedIn.getByRole("banner")).toContainText(person.name);
  await loggedIn.goto("/bff/callback?state=y");
  await expect(loggedIn.getByRole("heading", { name: "The login was not completed" })).toBeVisible();
  await loggedIn.getByRole("link", { name: "Go to the start page" }).click();
  await expect(loggedIn.getByRole("banner")).toContainText(person.name);
});

test("a state that was changed on its way is refused, and the true one is still good", async ({
  context,
  page,
  system,
  person,
}) => {
  const address = new URL(await loginUpToCallback(context, system, person));
  const state = address.searchParams.get("state")!;
  const forged = new URL(address);
  forged.searchParams.set("state", state.slice(0, -2) + (state.endsWith("AA") ? "BB" : "AA"));
  await page.goto(forged.href);
  await expect(page.getByRole("heading", { name: "The login was not completed" })).toBeVisible();
  await page.goto(address.href);
  await expect(page.getByRole("banner")).toContainText(person.name);
});

const WRONG_COOKIES = [
  { what: "changed by one letter", change: (id: string) => (id.startsWith("A") ? "B" : "A") + id.slice(1) },
  { what: "cut short", change: (id: string) => id.slice(0, 20) },
  { what: "of four thousand letters", change: (id: string) => id.repeat(90) },
  { what: "that says something else", change: () => "../../etc/passwd" },
];

test("a session cookie that was changed, cut or made up opens nothing and breaks nothing", async ({
  loggedIn,
  context,
  system,
  person,
}) => {
  const [cookie] = (await context.cookies(system.origin)).filter(({ name }) => name === SESSION_COOKIE);
  for (const { what, change } of WRONG_COOKIES) {
    await context.addCookies([{ ...cookie!, value: change(cookie!.value) }]);
    await loggedIn.goto("/profile");
    await expect(loggedIn.getByRole("main").getByRole("link", { name: "Log in" }), what).toBeVisible();
    expect(await call(loggedIn, "/api/protected?message=x"), what).toMatchObject({ status: 401 });
  }
  await context.addCookies([cookie!]);
  await loggedIn.reload();
  await expect(loggedIn.getByRole("banner")).toContainText(person.name);
});

test("a request with more cookies than fit is refused, and the browser is not shut out for good", async ({
  loggedIn,
  context,
  system,
  person,
}) => {
  const junk = Array.from({ length: 6 }, (_, at) => ({
    name: `junk-${at}`,
    value: "x".repeat(3_500),
    url: system.origin,
  }));
  await context.addCookies(junk);
  expect((await loggedIn.goto("/profile"))!.status()).toBe(431);
  for (const { name } of junk) await context.clearCookies({ name });
  await loggedIn.goto("/profile");
  await expect(loggedIn.getByRole("banner")).toContainText(person.name);
});

test("a login with parameters that nobody needs, or twice, is refused before the provider is asked", async ({
  page,
  system,
}) => {
  const asked = system.provider.count("par");
  for (const query of [
    "?returnTo=/a&returnTo=/b",
    "?redirect_uri=http://evil.example",
    "?client_id=x",
    "?max_age=-1",
  ]) {
    const response = await page.goto(`/bff/login${query}`);
    expect([query, response!.status()]).toEqual([query, 400]);
    await expect(page.getByRole("heading", { name: "This did not work" })).toBeVisible();
  }
  expect(system.provider.count("par")).toBe(asked);
});

test("a browser that opens another loopback name is led to the right one", async ({ page, system }) => {
  await page.goto(`${system.origin.replace("localhost", "127.0.0.1")}/profile?x=y`);
  await expect(page).toHaveURL(`${system.origin}/profile?x=y`);
});

test("an address that leads nowhere is a page with a way on, and a missing file is no page", async ({
  page,
  request,
}) => {
  await page.goto("/no/such/page");
  await expect(page.getByRole("heading", { name: "Page not found" })).toBeVisible();
  await page.getByRole("link", { name: "Go to the start" }).click();
  await expect(page).toHaveURL("/");
  expect((await request.get("/assets/no-such-file.js")).status()).toBe(404);
});

test("an app whose gateway never answers says so in the end", async ({ page, context, person }) => {
  await context.route("**/bff/user", () => undefined);
  await page.goto("/profile");
  await expect(page.getByText("Still waiting for your session")).toBeVisible();
  await expect(page.getByRole("region", { name: "We cannot check your session right now" })).toBeVisible({
    timeout: 30_000,
  });
  await context.unroute("**/bff/user");
  // The page also tries again by itself, and may do so just now.
  const hasHealed = page.getByRole("main").getByRole("link", { name: "Log in" });
  await page
    .getByRole("button", { name: "Try again" })
    .click({ timeout: 2_000 })
    .catch(() => undefined);
  await expect(hasHealed).toBeVisible({ timeout: 45_000 });
  await expect(page.locator("body")).not.toContainText(person.name);
});
