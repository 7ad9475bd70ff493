// Cross-origin attacks by a page in the user's browser: CSRF, cross-origin reads, framing, window references.
import type { Page } from "@playwright/test";
import type { ApiRequest } from "@cloakroom/demo/api/start-resource-api.ts";
import { call } from "../support/page-requests.ts";
import { startAttackerSite, type AttackerSite } from "../support/attacker-site.ts";
import type { TestUser } from "../support/users.ts";
import { passwordField } from "../support/provider-pages.ts";
import { expect, test as base } from "../support/test.ts";

const test = base.extend<{ attacker: AttackerSite }>({
  attacker: async ({ browserName: _browser }, use) => {
    const site = await startAttackerSite();
    await use(site);
    await site.stop();
  },
});

const SITES = [
  { origin: "a cross-site page", site: "crossSite" },
  // The browser sends the Strict cookie with its requests, so only the gateway's CSRF check rejects them.
  { origin: "a same-site page of another origin", site: "sameSite" },
] as const;

test.beforeEach(async ({ loggedInPage, user }) => {
  await loggedInPage.goto("/profile");
  await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
});

for (const { origin, site } of SITES) {
  test(`${origin} cannot read a response of the gateway, reach the API or change a cookie`, async ({
    loggedInPage,
    context,
    user,
    attacker,
    system,
  }) => {
    const cookies = await context.cookies(system.origin);
    const apiCalls = system.api.requests.length;
    const attackerPage = await context.newPage();
    await attackerPage.goto(attacker[site]);
    const attempts = await attemptReads(attackerPage, system.origin);
    expect(attempts).toEqual(attempts.map(({ attempt }) => ({ attempt, result: "nothing" })));

    expect(requestsOf(user, system.api.requests.slice(apiCalls))).toEqual([]);
    expect(await context.cookies(system.origin)).toEqual(cookies);
    expect(await call(loggedInPage, "/api/protected?message=x")).toMatchObject({
      status: 200,
      body: { user: { sub: user.sub } },
    });
  });

  test(`a logout form posted by ${origin} is rejected with 403, and the user stays logged in`, async ({
    loggedInPage,
    context,
    attacker,
    system,
  }) => {
    const attackerPage = await context.newPage();
    await attackerPage.goto(attacker[site]);
    const [response] = await Promise.all([
      attackerPage.waitForResponse(`${system.origin}/bff/logout`),
      attackerPage.evaluate((action) => {
        const form = Object.assign(document.createElement("form"), { method: "post", action });
        document.body.append(form);
        form.submit();
      }, `${system.origin}/bff/logout`),
    ]);
    expect(response.status()).toBe(403);
    await expect(attackerPage.getByRole("heading", { name: "We stopped this request" })).toBeVisible();
    expect(await call(loggedInPage, "/api/protected?message=x")).toMatchObject({ status: 200 });
  });

  test(`${origin} cannot frame any page of the gateway`, async ({ context, attacker, system, user }) => {
    const attackerPage = await context.newPage();
    await attackerPage.goto(attacker[site]);
    for (const path of ["/", "/profile", "/logged-out", "/bff/user", "/bff/login"]) {
      await attackerPage.evaluate(
        (src) =>
          new Promise((resolve) => {
            const frame = Object.assign(document.createElement("iframe"), { src });
            frame.addEventListener("load", resolve);
            document.body.replaceChildren(frame);
          }),
        system.origin + path,
      );
      // Chromium shows its error page in the frame.
      await expect.poll(() => attackerPage.frames()[1]?.url(), path).toBe("chrome-error://chromewebdata/");
      await expect(attackerPage.frameLocator("iframe").locator("body")).not.toContainText(user.name);
    }
  });

  test(`${origin} that opens the app in a window keeps no reference to it`, async ({
    context,
    attacker,
    system,
    user,
  }) => {
    const attackerPage = await context.newPage();
    await attackerPage.goto(attacker[site]);
    const [opened] = await Promise.all([
      context.waitForEvent("page"),
      attackerPage.evaluate((url) => {
        (window as unknown as { opened: unknown }).opened = window.open(url);
      }, `${system.origin}/profile`),
    ]);
    await expect(opened.getByRole("banner")).toContainText(user.name);
    expect(await opened.evaluate(() => window.opener)).toBeNull();
    const isClosed = () =>
      attackerPage.evaluate(() => (window as unknown as { opened: Window | null }).opened?.closed ?? true);
    await expect.poll(isClosed).toBe(true);
  });
}

test("markup injected into the app's page cannot call the API, since it sends no CSRF header", async ({
  loggedInPage,
  user,
  system,
}) => {
  const apiCalls = system.api.requests.length;
  const loaded = await loggedInPage.evaluate(async () => {
    const image = new Promise((resolve) => {
      const node = new Image();
      node.onload = () => resolve("loaded");
      node.onerror = () => resolve("rejected");
      node.src = "/api/protected?message=x";
    });
    const responses = await Promise.all([fetch("/api/protected?message=x"), fetch("/api/upload", { method: "POST" })]);
    return [await image, ...responses.map(({ status }) => status)];
  });
  expect(loaded).toEqual(["rejected", 403, 403]);
  expect(requestsOf(user, system.api.requests.slice(apiCalls))).toEqual([]);
  expect(await call(loggedInPage, "/bff/user")).toMatchObject({ status: 200, body: { user: { sub: user.sub } } });
});

test("a cross-site link to the login shows the provider's login page", async ({ newBrowser, attacker, system }) => {
  const { context } = await newBrowser();
  const page = await context.newPage();
  await page.goto(attacker.crossSite);
  await page.evaluate((href) => {
    const link = Object.assign(document.createElement("a"), { href, textContent: "Your prize" });
    document.body.append(link);
  }, `${system.origin}/bff/login?returnTo=/profile`);
  await page.getByRole("link", { name: "Your prize" }).click();
  await expect(passwordField(page)).toBeVisible();
});

test("a login with a return path to another origin or to a gateway route is rejected with 400", async ({
  newBrowser,
  attacker,
  system,
}) => {
  const { context } = await newBrowser();
  const page = await context.newPage();
  for (const returnTo of [
    attacker.crossSite,
    `//${new URL(attacker.crossSite).host}/`,
    "/\\evil.example",
    "/bff/logout",
  ]) {
    const response = await page.goto(`${system.origin}/bff/login?${new URLSearchParams({ returnTo })}`);
    expect([returnTo, response!.status()]).toEqual([returnTo, 400]);
    await expect(page.getByRole("heading", { name: "This did not work" })).toBeVisible();
  }
  expect(await context.cookies()).toEqual([]);
});

/** Excludes requests of other users: one of an earlier test may complete, and be recorded, during this one. */
const requestsOf = ({ sub }: TestUser, requests: readonly ApiRequest[]): ApiRequest[] =>
  requests.filter((request) => request.sub === sub || request.sub === undefined);

type Attempt = { attempt: string; result: string };

/** Sends requests to the gateway in many ways from a foreign page. @returns what the page can read of each response */
function attemptReads(page: Page, origin: string): Promise<Attempt[]> {
  return page.evaluate(async (gateway) => {
    const timeoutMs = 2_000;
    const tryElement = (attempt: string, tag: string, attributes: Record<string, string>) =>
      new Promise<{ attempt: string; result: string }>((resolve) => {
        const node = document.createElement(tag);
        node.addEventListener("error", () => resolve({ attempt, result: "nothing" }));
        // A frame fires load for an error page too; another test asserts its content.
        node.addEventListener("load", () => resolve({ attempt, result: tag === "iframe" ? "nothing" : "loaded" }));
        for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
        document.body.append(node);
        setTimeout(() => resolve({ attempt, result: "nothing" }), timeoutMs);
      });
    const tryFetch = async (attempt: string, path: string, init: RequestInit) => {
      const result = await fetch(gateway + path, { credentials: "include", ...init }).then(
        async (response) =>
          response.type === "opaque" || response.type === "opaqueredirect" ? "nothing" : response.text(),
        () => "nothing",
      );
      return { attempt, result };
    };
    const tryListen = (attempt: string, source: EventTarget, close: () => void) =>
      new Promise<{ attempt: string; result: string }>((resolve) => {
        const done = (result: string) => {
          close();
          resolve({ attempt, result });
        };
        for (const name of ["open", "message"]) source.addEventListener(name, () => done(`received ${name}`));
        source.addEventListener("error", () => done("nothing"));
      });
    const tryForm = (attempt: string, path: string) => {
      const target = `frame-${path}`;
      const form = Object.assign(document.createElement("form"), { method: "post", action: gateway + path, target });
      document.body.append(form);
      const frame = tryElement(attempt, "iframe", { name: target, src: "about:blank" });
      form.submit();
      return frame;
    };
    const paths = [
      "/bff/user",
      "/bff/login",
      "/bff/logout",
      "/bff/callback?code=x&state=y",
      "/api/protected?message=x",
      "/api/events",
    ];
    const attempts = paths.flatMap((path) => [
      tryElement(`img ${path}`, "img", { src: gateway + path }),
      tryElement(`script ${path}`, "script", { src: gateway + path }),
      tryElement(`style sheet ${path}`, "link", { rel: "stylesheet", href: gateway + path }),
      tryElement(`prefetch ${path}`, "link", { rel: "prefetch", href: gateway + path }),
      tryElement(`iframe ${path}`, "iframe", { src: gateway + path }),
      tryFetch(`fetch ${path}`, path, { mode: "cors" }),
      tryFetch(`fetch with X-CSRF ${path}`, path, { mode: "cors", headers: { "X-CSRF": "1" } }),
      tryFetch(`fetch no-cors ${path}`, path, { mode: "no-cors" }),
      tryFetch(`post no-cors ${path}`, path, { mode: "no-cors", method: "POST", body: "logout=yes" }),
      tryFetch(`post with X-CSRF ${path}`, path, { mode: "cors", method: "POST", headers: { "X-CSRF": "1" } }),
    ]);
    const events = new EventSource(`${gateway}/api/events`, { withCredentials: true });
    const socket = new WebSocket(`${gateway.replace("http", "ws")}/api/socket`);
    navigator.sendBeacon(`${gateway}/bff/logout`, new Blob(["x"], { type: "text/plain" }));
    return Promise.all([
      ...attempts,
      tryListen("EventSource /api/events", events, () => events.close()),
      tryListen("WebSocket /api/socket", socket, () => socket.close()),
      tryForm("form /bff/logout", "/bff/logout"),
      tryForm("form /api/upload", "/api/upload"),
    ]);
  }, origin);
}
