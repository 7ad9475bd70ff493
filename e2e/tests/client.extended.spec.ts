// @cloakroom/client in tabs of a real browser, against the real gateway: one event stream, two users, step-up.
import type { Page } from "@playwright/test";
import { expectUser, openClientPage, routeClientPage } from "../support/client-page.ts";
import { providerPages } from "../support/provider-pages.ts";
import { expect, test } from "../support/test.ts";
import { createUser, logInByHttp } from "../support/users.ts";

test.beforeEach(async ({ context, system, user }) => {
  await routeClientPage(context);
  await logInByHttp(context, system, user);
});

/** Sends a request as a script of the page. */
const send = (page: Page, method: string) =>
  page.evaluate(async (used) => {
    const response = await window.client.fetch("/api/echo", { method: used });
    return { status: response.status, code: (await window.client.problemOf(response))?.code ?? null };
  }, method);

test("tabs share one event stream, and a logout in one of them reaches all", async ({ context, user }) => {
  let streams = 0;
  context.on("request", (request) => void (streams += request.url().endsWith("/bff/events") ? 1 : 0));
  const tabs = [await openClientPage(context), await openClientPage(context), await openClientPage(context)];
  for (const tab of tabs) await expectUser(tab, user.sub);
  await expect.poll(() => streams).toBe(1);
  const [first, ...others] = tabs;
  // The page must stay: its navigation to the provider is not under test.
  await first?.route("**/bff/logout/provider", (route) => route.abort());
  expect(await first?.evaluate(() => window.client.logout())).toBeNull();
  for (const tab of others) {
    await tab.waitForFunction(() => window.client.getState().status === "anonymous");
    expect(await tab.evaluate(() => window.client.getState().endReason)).toBe("logged_out_elsewhere");
  }
  expect(streams).toBe(1);
});

test("a stale tab cannot act as the user who has logged in since, and is reloaded", async ({
  context,
  system,
  user,
}) => {
  const next = await createUser(system);
  const stale = await openClientPage(context);
  await expectUser(stale, user.sub);
  expect(await send(stale, "POST")).toEqual({ status: 200, code: null });
  // The tab does not notice the login: its checks are held back.
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  await stale.route("**/bff/user", async (route) => {
    await released;
    await route.continue().catch(() => undefined);
  });
  await context.clearCookies({ domain: "127.0.0.1" });
  await logInByHttp(context, system, next);

  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"])
    expect(await send(stale, method), method).toEqual({ status: 409, code: "session_changed" });
  const failures = await stale.evaluate(async () => [
    await window.client.logout(),
    await window.client.sessions.list(),
    await window.client.sessions.end("another"),
  ]);
  const changed = { kind: "problem", problem: expect.objectContaining({ code: "session_changed" }) };
  expect(failures).toEqual([changed, changed, changed]);
  expect(system.api.requests.filter(({ sub }) => sub === next.sub)).toEqual([]);

  release();
  await expectUser(stale, next.sub);
  expect(await send(stale, "POST")).toEqual({ status: 200, code: null });
});

test("a step-up returns to the page with the draft, once", async ({ context, user }) => {
  const page = await openClientPage(context);
  await expectUser(page, user.sub);
  await page.evaluate(async () => {
    const outcome = await window.client.request("/api/confidential?message=x");
    if (outcome.kind === "problem") window.client.stepUp(outcome.problem, { draft: { text: "typed" } });
  });
  const callback = page.waitForResponse((response) => new URL(response.url()).pathname === "/bff/callback");
  await providerPages.passSecondFactor(page);
  const returnPath = (await (await callback).headerValue("location")) ?? "";
  expect(returnPath).toMatch(/\/client-page\?resume=[\da-f-]{36}$/);
  // Playwright does not route redirects, so the page of the login is the demo app's.
  await page.waitForLoadState();
  await page.goto(returnPath);
  await expectUser(page, user.sub);
  expect(new URL(page.url()).search).toBe("");
  const drafts = await page.evaluate(() => [window.client.takeDraft(), window.client.takeDraft()]);
  expect(drafts).toEqual([{ text: "typed" }, null]);
  expect(await page.evaluate(() => window.client.request("/api/confidential?message=x"))).toMatchObject({ kind: "ok" });
});
