// Invalid, forged and oversized requests: a clear error page, no session created or ended, and a log line with the
// reason.
import { call } from "../support/page-requests.ts";
import { obtainCallbackUrl } from "../support/users.ts";
import { SESSION_COOKIE } from "@cloakroom/testing/leaks/secrets.ts";
import { expect, test } from "../support/test.ts";

const logLinesOf = (output: string, event: string) =>
  output
    .split("\n")
    .filter((line) => line.includes(`"event":"${event}"`))
    .map((line) => JSON.parse(line) as { reason: string });

const INVALID_CALLBACKS = [
  { what: "without parameters", query: "", reason: "state is missing" },
  { what: "without a code", query: "?state=x", reason: "code and error are missing" },
  { what: "without a state", query: "?code=x", reason: "state is missing" },
  { what: "with two states", query: "?code=x&state=a&state=b", reason: "a parameter occurs twice" },
  { what: "with an unknown state", query: "?code=x&state=y", reason: "unknown state" },
  {
    what: "with an error and an unknown state",
    query: "?error=x&state=y",
    reason: "unknown state",
  },
  { what: "with a state of 8,000 characters", query: `?state=${"x".repeat(8_000)}&code=x`, reason: "unknown state" },
  {
    what: "with twenty parameters",
    query: `?${Array.from({ length: 20 }, (_, at) => `p${at}=x`).join("&")}`,
    reason: "the callback is too large",
  },
];

test("a callback with missing, repeated, oversized or unknown parameters gets an error page with a retry link", async ({
  page,
  context,
  system,
}) => {
  for (const { what, query, reason } of INVALID_CALLBACKS) {
    const before = logLinesOf(system.gateway.output(), "login_failed").length;
    const response = await page.goto(`/bff/callback${query}`);
    expect(response!.status(), what).toBe(400);
    await expect(page.getByRole("heading", { name: "The login was not completed" }), what).toBeVisible();
    await expect(page.getByRole("link", { name: "Try again" }), what).toBeVisible();
    const reasons = () =>
      logLinesOf(system.gateway.output(), "login_failed")
        .slice(before)
        .map((line) => line.reason);
    await expect.poll(reasons, what).toEqual([expect.stringContaining(reason)]);
  }
  expect(await context.cookies()).toEqual([]);
});

test("an invalid callback keeps the session", async ({ loggedInPage, user }) => {
  await loggedInPage.goto("/bff/callback?code=x&state=y");
  await expect(loggedInPage).toHaveURL("/");
  await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
  await loggedInPage.goto("/bff/callback?state=y");
  await expect(loggedInPage.getByRole("heading", { name: "The login was not completed" })).toBeVisible();
  await loggedInPage.getByRole("link", { name: "Go to the start page" }).click();
  await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
});

test("a callback with a forged state is rejected, and the original one still succeeds", async ({
  context,
  page,
  system,
  user,
}) => {
  const address = new URL(await obtainCallbackUrl(context, system, user));
  const state = address.searchParams.get("state")!;
  const forged = new URL(address);
  forged.searchParams.set("state", state.slice(0, -2) + (state.endsWith("AA") ? "BB" : "AA"));
  await page.goto(forged.href);
  await expect(page.getByRole("heading", { name: "The login was not completed" })).toBeVisible();
  await page.goto(address.href);
  await expect(page.getByRole("banner")).toContainText(user.name);
});

const INVALID_SESSION_IDS = [
  { what: "one character changed", change: (id: string) => (id.startsWith("A") ? "B" : "A") + id.slice(1) },
  { what: "truncated", change: (id: string) => id.slice(0, 20) },
  { what: "about 4,000 characters", change: (id: string) => id.repeat(90) },
  { what: "a path", change: () => "../../etc/passwd" },
];

test("a modified, truncated or invented session cookie selects no session, and the real one still works", async ({
  loggedInPage,
  context,
  system,
  user,
}) => {
  const [cookie] = (await context.cookies(system.origin)).filter(({ name }) => name === SESSION_COOKIE);
  for (const { what, change } of INVALID_SESSION_IDS) {
    await context.addCookies([{ ...cookie!, value: change(cookie!.value) }]);
    await loggedInPage.goto("/profile");
    await expect(loggedInPage.getByRole("main").getByRole("link", { name: "Log in" }), what).toBeVisible();
    expect(await call(loggedInPage, "/api/protected?message=x"), what).toMatchObject({ status: 401 });
  }
  await context.addCookies([cookie!]);
  await loggedInPage.reload();
  await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
});

test("a request with oversized cookies gets a 431, and succeeds after they are removed", async ({
  loggedInPage,
  context,
  system,
  user,
}) => {
  const oversized = Array.from({ length: 6 }, (_, at) => ({
    name: `junk-${at}`,
    value: "x".repeat(3_500),
    url: system.origin,
  }));
  await context.addCookies(oversized);
  expect((await loggedInPage.goto("/profile"))!.status()).toBe(431);
  for (const { name } of oversized) await context.clearCookies({ name });
  await loggedInPage.goto("/profile");
  await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
});

test("a login with an unknown, repeated or invalid parameter is rejected before a pushed authorization request", async ({
  page,
  system,
}) => {
  const before = system.provider.count("par");
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
  expect(system.provider.count("par")).toBe(before);
});

test("a request for 127.0.0.1 is redirected to localhost with path and query", async ({ page, system }) => {
  await page.goto(`${system.origin.replace("localhost", "127.0.0.1")}/profile?x=y`);
  await expect(page).toHaveURL(`${system.origin}/profile?x=y`);
});

test("an unknown path shows a not-found page, and a missing file gets a 404", async ({ page, request }) => {
  await page.goto("/no/such/page");
  await expect(page.getByRole("heading", { name: "Page not found" })).toBeVisible();
  await page.getByRole("link", { name: "Go to the start" }).click();
  await expect(page).toHaveURL("/");
  expect((await request.get("/assets/no-such-file.js")).status()).toBe(404);
});

test("the app reports an unknown session when the gateway never responds, and recovers when it does", async ({
  page,
  context,
  user,
}) => {
  await context.route("**/bff/user", () => undefined);
  await page.goto("/profile");
  await expect(page.getByText("Still waiting for your session")).toBeVisible();
  await expect(page.getByRole("region", { name: "We cannot check your session right now" })).toBeVisible({
    timeout: 30_000,
  });
  await context.unroute("**/bff/user");
  // The page also retries by itself, so the button may be gone.
  const loginLink = page.getByRole("main").getByRole("link", { name: "Log in" });
  await page
    .getByRole("button", { name: "Try again" })
    .click({ timeout: 2_000 })
    .catch(() => undefined);
  await expect(loginLink).toBeVisible({ timeout: 45_000 });
  await expect(page.locator("body")).not.toContainText(user.name);
});
