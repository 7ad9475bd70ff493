// A foreign page in the same browser tries to act in the person's name: nothing happens, and it learns nothing.
import type { Page } from "@playwright/test";
import type { ApiRequest } from "../../demo/src/api/start-api.ts";
import { call } from "../support/calls.ts";
import { startForeignSite, type ForeignSite } from "../support/foreign-site.ts";
import type { Person } from "../support/people.ts";
import { passwordField } from "../support/provider-pages.ts";
import { expect, test as base } from "../support/test.ts";

const test = base.extend<{ foreign: ForeignSite }>({
  foreign: async ({ browserName: _browser }, use) => {
    const site = await startForeignSite();
    await use(site);
    await site.stop();
  },
});

const SITES = [
  { who: "a page of another site", where: "crossSite" },
  // Here the Strict cookie does come along: only the gateway's own check stands in the way.
  { who: "a page of a sibling origin", where: "sameSite" },
] as const;

test.beforeEach(async ({ loggedIn, person }) => {
  await loggedIn.goto("/profile");
  await expect(loggedIn.getByRole("banner")).toContainText(person.name);
});

for (const { who, where } of SITES) {
  test(`${who} that loads the gateway's addresses in every way moves nothing and reads nothing`, async ({
    loggedIn,
    context,
    person,
    foreign,
    system,
  }) => {
    const cookies = await context.cookies(system.origin);
    const apiCalls = system.api.requests.length;
    const evil = await context.newPage();
    await evil.goto(foreign[where]);
    const learned = await tryEverything(evil, system.origin);
    expect(learned).toEqual(learned.map(({ how }) => ({ how, learned: "nothing" })));

    expect(requestsOf(person, system.api.requests.slice(apiCalls))).toEqual([]);
    expect(await context.cookies(system.origin)).toEqual(cookies);
    expect(await call(loggedIn, "/api/protected?message=x")).toMatchObject({
      status: 200,
      body: { user: { sub: person.sub } },
    });
  });

  test(`${who} that posts a form to the logout gets a refusal, and the person stays logged in`, async ({
    loggedIn,
    context,
    foreign,
    system,
  }) => {
    const evil = await context.newPage();
    await evil.goto(foreign[where]);
    const [response] = await Promise.all([
      evil.waitForResponse(`${system.origin}/bff/logout`),
      evil.evaluate((action) => {
        const form = Object.assign(document.createElement("form"), { method: "post", action });
        document.body.append(form);
        form.submit();
      }, `${system.origin}/bff/logout`),
    ]);
    expect(response.status()).toBe(403);
    await expect(evil.getByRole("heading", { name: "We stopped this request" })).toBeVisible();
    expect(await call(loggedIn, "/api/protected?message=x")).toMatchObject({ status: 200 });
  });

  test(`${who} that frames the app sees an empty frame`, async ({ context, foreign, system, person }) => {
    const evil = await context.newPage();
    await evil.goto(foreign[where]);
    for (const path of ["/", "/profile", "/logged-out", "/bff/user", "/bff/login"]) {
      await evil.evaluate(
        (src) =>
          new Promise((resolve) => {
            const frame = Object.assign(document.createElement("iframe"), { src });
            frame.addEventListener("load", resolve);
            document.body.replaceChildren(frame);
          }),
        system.origin + path,
      );
      // Chromium's own error page, in place of ours.
      await expect.poll(() => evil.frames()[1]?.url(), path).toBe("chrome-error://chromewebdata/");
      await expect(evil.frameLocator("iframe").locator("body")).not.toContainText(person.name);
    }
  });

  test(`${who} that opens the app in a window loses hold of it`, async ({ context, foreign, system, person }) => {
    const evil = await context.newPage();
    await evil.goto(foreign[where]);
    const [opened] = await Promise.all([
      context.waitForEvent("page"),
      evil.evaluate((url) => {
        (window as unknown as { opened: unknown }).opened = window.open(url);
      }, `${system.origin}/profile`),
    ]);
    await expect(opened.getByRole("banner")).toContainText(person.name);
    expect(await opened.evaluate(() => window.opener)).toBeNull();
    const isGone = () => evil.evaluate(() => (window as unknown as { opened: Window | null }).opened?.closed ?? true);
    await expect.poll(isGone).toBe(true);
  });
}

test("markup that somebody managed to put into the app's own page calls no API and logs nobody out", async ({
  loggedIn,
  person,
  system,
}) => {
  const apiCalls = system.api.requests.length;
  const loaded = await loggedIn.evaluate(async () => {
    const image = new Promise((resolve) => {
      const node = new Image();
      node.onload = () => resolve("loaded");
      node.onerror = () => resolve("refused");
      node.src = "/api/protected?message=x";
    });
    const answers = await Promise.all([fetch("/api/protected?message=x"), fetch("/api/upload", { method: "POST" })]);
    return [await image, ...answers.map(({ status }) => status)];
  });
  expect(loaded).toEqual(["refused", 403, 403]);
  expect(requestsOf(person, system.api.requests.slice(apiCalls))).toEqual([]);
  expect(await call(loggedIn, "/bff/user")).toMatchObject({ status: 200, body: { user: { sub: person.sub } } });
});

test("a link of another site may start a login, which is the person's own to finish", async ({
  newBrowser,
  foreign,
  system,
}) => {
  const { context } = await newBrowser();
  const page = await context.newPage();
  await page.goto(foreign.crossSite);
  await page.evaluate((href) => {
    const link = Object.assign(document.createElement("a"), { href, textContent: "Your prize" });
    document.body.append(link);
  }, `${system.origin}/bff/login?returnTo=/profile`);
  await page.getByRole("link", { name: "Your prize" }).click();
  await expect(passwordField(page)).toBeVisible();
});

test("a link of another site cannot choose where a login leads", async ({ newBrowser, foreign, system }) => {
  const { context } = await newBrowser();
  const page = await context.newPage();
  for (const returnTo of [
    foreign.crossSite,
    `//${new URL(foreign.crossSite).host}/`,
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
const requestsOf = ({ sub }: Person, requests: readonly ApiRequest[]): ApiRequest[] =>
  requests.filter((request) => request.sub === sub || request.sub === undefined);

type Learned = { how: string; learned: string };

/** @returns for each way of asking what the page could tell about the answer */
function tryEverything(page: Page, origin: string): Promise<Learned[]> {
  return page.evaluate(async (gateway) => {
    const patienceMs = 2_000;
    const element = (how: string, tag: string, attributes: Record<string, string>) =>
      new Promise<{ how: string; learned: string }>((resolve) => {
        const node = document.createElement(tag);
        node.addEventListener("error", () => resolve({ how, learned: "nothing" }));
        // A frame always says that it has loaded; what is in it is for the test of framing.
        node.addEventListener("load", () => resolve({ how, learned: tag === "iframe" ? "nothing" : "it loaded" }));
        for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
        document.body.append(node);
        setTimeout(() => resolve({ how, learned: "nothing" }), patienceMs);
      });
    const fetched = async (how: string, path: string, init: RequestInit) => {
      const learned = await fetch(gateway + path, { credentials: "include", ...init }).then(
        async (answer) => (answer.type === "opaque" || answer.type === "opaqueredirect" ? "nothing" : answer.text()),
        () => "nothing",
      );
      return { how, learned };
    };
    const listened = (how: string, source: EventTarget, close: () => void) =>
      new Promise<{ how: string; learned: string }>((resolve) => {
        const done = (learned: string) => {
          close();
          resolve({ how, learned });
        };
        for (const name of ["open", "message"]) source.addEventListener(name, () => done(`it said ${name}`));
        source.addEventListener("error", () => done("nothing"));
      });
    const posted = (how: string, path: string) => {
      const target = `frame-${path}`;
      const form = Object.assign(document.createElement("form"), { method: "post", action: gateway + path, target });
      document.body.append(form);
      const frame = element(how, "iframe", { name: target, src: "about:blank" });
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
      element(`img ${path}`, "img", { src: gateway + path }),
      element(`script ${path}`, "script", { src: gateway + path }),
      element(`style sheet ${path}`, "link", { rel: "stylesheet", href: gateway + path }),
      element(`prefetch ${path}`, "link", { rel: "prefetch", href: gateway + path }),
      element(`iframe ${path}`, "iframe", { src: gateway + path }),
      fetched(`fetch ${path}`, path, { mode: "cors" }),
      fetched(`fetch with X-CSRF ${path}`, path, { mode: "cors", headers: { "X-CSRF": "1" } }),
      fetched(`fetch no-cors ${path}`, path, { mode: "no-cors" }),
      fetched(`post no-cors ${path}`, path, { mode: "no-cors", method: "POST", body: "logout=yes" }),
      fetched(`post with X-CSRF ${path}`, path, { mode: "cors", method: "POST", headers: { "X-CSRF": "1" } }),
    ]);
    const events = new EventSource(`${gateway}/api/events`, { withCredentials: true });
    const socket = new WebSocket(`${gateway.replace("http", "ws")}/api/socket`);
    navigator.sendBeacon(`${gateway}/bff/logout`, new Blob(["x"], { type: "text/plain" }));
    return Promise.all([
      ...attempts,
      listened("EventSource /api/events", events, () => events.close()),
      listened("WebSocket /api/socket", socket, () => socket.close()),
      posted("form /bff/logout", "/bff/logout"),
      posted("form /api/upload", "/api/upload"),
    ]);
  }, origin);
}
