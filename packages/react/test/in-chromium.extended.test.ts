// The hooks, components and loaders in Chromium, with React 19 and react-router 8, and with React 18.3 and react-router 7:
// StrictMode, hydration, ends of sessions, automatic logins. The gateway is simulated by the browser's request interception.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "@playwright/test";
import { build, type Plugin, type Rolldown } from "vite";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { chromiumLaunchOptions } from "@cloakroom/testkit/chromium.ts";

const ORIGIN = "https://app.test";
/** Outside the workspace, which has one version of React only. */
const OLD_MODULES = join(import.meta.dirname, "../../../node_modules/.cache/cloakroom-react-18");
const OLD_VERSIONS = { react: "18.3.1", "react-dom": "18.3.1", "react-router": "7.9.4" };

const anonymous = { user: null, session: null };
const alice = { user: { sub: "alice", name: "Alice Example" }, session: { id: "handle-1", acr: "1" } };

type Respond = (path: string) => { status?: number; headers?: Record<string, string>; body: unknown } | undefined;

/** What the simulated gateway responds, and what it has received. */
const gateway = { user: anonymous as unknown, respond: (() => undefined) as Respond, requests: [] as string[] };

let browser: Browser;
beforeAll(async () => {
  browser = await chromium.launch(chromiumLaunchOptions());
});
afterAll(() => browser.close());

describe.each([
  ["React 19 and react-router 8", () => undefined],
  ["React 18.3 and react-router 7", installOldVersions],
])("with %s", (_versions, install) => {
  let files: ReadonlyMap<string, string>;
  let context: BrowserContext;
  let page: Page;
  beforeAll(async () => {
    files = await bundle(install());
  }, 180_000);
  beforeEach(async () => {
    Object.assign(gateway, { user: anonymous, respond: () => undefined, requests: [] });
    context = await browser.newContext({ baseURL: ORIGIN });
    await context.route(`${ORIGIN}/**`, (route) => route.fulfill(responseTo(new URL(route.request().url()), files)));
    page = await context.newPage();
    page.setDefaultTimeout(10_000);
  });
  afterEach(() => context.close());

  const text = () => page.locator("#root").innerText();
  const expectText = (expected: string) => expect.poll(text).toBe(expected);
  const logins = () => gateway.requests.filter((path) => path.startsWith("/bff/login"));
  /** The client checks when the network returns. */
  const check = (user: unknown) => {
    gateway.user = user;
    return page.evaluate(() => void window.dispatchEvent(new Event("online")));
  };

  it("StrictMode requests the session once and opens one event stream", async () => {
    gateway.user = alice;
    await page.goto("/status");
    await expectText("authenticated Alice Example");
    await expect.poll(() => gateway.requests.filter((path) => path === "/bff/events").length).toBe(1);
    expect(gateway.requests.filter((path) => path === "/bff/user")).toHaveLength(1);
  });

  it("a check that finds nothing new renders nothing", async () => {
    gateway.user = alice;
    await page.goto("/status");
    await expectText("authenticated Alice Example");
    const count = () => page.evaluate(() => (window.page["renders"] as string[]).length);
    const before = await count();
    await check(alice);
    await expect.poll(() => gateway.requests.filter((path) => path === "/bff/user").length).toBe(2);
    await page.waitForLoadState("networkidle");
    expect(await count()).toBe(before);
  });

  it("an unmounted provider has stopped its client", async () => {
    gateway.user = alice;
    await page.goto("/status");
    await expectText("authenticated Alice Example");
    await page.evaluate(() => (window.page["unmount"] as () => void)());
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 50)));
    await check(anonymous);
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 50)));
    expect(gateway.requests.filter((path) => path === "/bff/user")).toHaveLength(1);
    expect(await page.evaluate(async () => (await navigator.locks.query()).held)).toEqual([]);
  });

  it.each([
    ["/hydrate", "<p>loading no user</p><p>fallback</p>"],
    ["/hydrate-loaded", "<p>loading no user</p><p>fallback</p>"],
    ["/hydrate-own", "<p>loading no user</p><p>fallback</p>"],
    ["/hydrate-user", "<p>authenticated Alice Example</p><p>for alice</p>"],
    ["/hydrate-own-user", "<p>authenticated Alice Example</p><p>for alice</p>"],
  ])("the hydration of %s matches the server's HTML", async (path, html) => {
    gateway.user = alice;
    const consoleErrors: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error") consoleErrors.push(message.text());
    });
    await page.goto(path);
    await expectText("authenticated Alice Example\n\nfor alice");
    expect(await page.evaluate(() => window.page["html"])).toBe(html);
    expect([await page.evaluate(() => window.page["errors"]), consoleErrors]).toEqual([[], []]);
  });

  it("keepWhenEnded keeps what was typed when the session ends, and when the same user logs in again", async () => {
    gateway.user = alice;
    await page.goto("/keep");
    await page.getByLabel("Controlled", { exact: true }).fill("typed");
    await page.getByLabel("Uncontrolled").fill("typed too");
    for (const [user, status] of [
      [anonymous, "anonymous"],
      [{ ...alice, session: { id: "handle-2" } }, "authenticated"],
    ] as const) {
      await check(user);
      await expectText(`comment of ${status}`);
      expect(await page.getByLabel("Controlled", { exact: true }).inputValue()).toBe("typed");
      expect(await page.getByLabel("Uncontrolled").inputValue()).toBe("typed too");
    }
    expect(logins()).toEqual([]);
  });

  it("RequireSession removes its children when the session ends, and only the user starts the login", async () => {
    gateway.user = alice;
    await page.goto("/guarded");
    await expectText("comment of authenticated");
    await check(anonymous);
    await expect.poll(text).toContain("Your session has ended.");
    expect(await text()).not.toContain("comment");
    await page.getByRole("button", { name: "ended: session_missing" }).click();
    await expect.poll(text).toContain("Log in to see this page.");
    expect(logins()).toEqual([]);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.waitForURL(/\/bff\/login/);
    expect(logins()).toEqual(["/bff/login?returnTo=%2Fguarded"]);
  });

  it("RequireSession starts the login by itself, but not again after the way back", async () => {
    await page.goto("/guarded");
    await page.waitForURL(/\/bff\/login/);
    await page.goBack();
    await page.getByRole("button", { name: "Log in" }).waitFor();
    await page.reload();
    await page.getByRole("button", { name: "Log in" }).waitFor();
    expect(logins()).toHaveLength(1);
  });

  it("RequireSession shows neither a login nor its children while the session cannot be checked", async () => {
    gateway.user = null;
    await page.goto("/guarded");
    await expectText("fallback");
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 100)));
    expect([await text(), logins()]).toEqual(["fallback", []]);
    await check(alice);
    await expectText("comment of authenticated");
  });

  it("RequireSession offers the login that reaches the required level", async () => {
    gateway.user = alice;
    await page.goto("/level");
    await page.getByRole("button", { name: "Confirm that it is you" }).click();
    await page.waitForURL(/\/bff\/login/);
    const query = new URL(page.url()).searchParams;
    expect([query.get("acr_values"), query.get("returnTo")]).toEqual(["2", "/level"]);
  });

  it("useRequest sends one request in StrictMode that is not aborted, and repeats a 503", async () => {
    gateway.user = alice;
    let calls = 0;
    gateway.respond = (path) => {
      if (path !== "/api/orders") return undefined;
      calls += 1;
      const problem = { status: 503, code: "upstream_unavailable", title: "busy" };
      if (calls <= 2) return { status: 503, headers: { "retry-after": "0" }, body: problem };
      return { body: { n: 7 } };
    };
    await page.goto("/request");
    await expectText("succeeded 7");
    expect(calls).toBeGreaterThanOrEqual(3);
  });

  it("a loader redirects to the login, which returns to the requested page below the router's basename", async () => {
    await page.goto("/app/");
    await expect.poll(text).toContain("frame anonymous");
    expect(await page.getByRole("link", { name: "Log in" }).getAttribute("href")).toBe("/bff/login?returnTo=%2Fapp");
    await page.getByRole("link", { name: "Orders" }).click();
    await page.waitForURL(/\/bff\/login/);
    expect(page.url()).toBe(`${ORIGIN}/bff/login?returnTo=%2Fapp%2Forders%3Fpage%3D2`);
  });

  it("a loader shows its error after a login that has led to no session", async () => {
    await page.goto("/app/orders");
    await page.waitForURL(/\/bff\/login/);
    await page.goto("/app/orders");
    await expect.poll(text).toContain("error login_required");
    expect(logins()).toHaveLength(1);
  });

  it("a lazy route is loaded with its session, and again after each change of it", async () => {
    gateway.user = alice;
    await page.goto("/app/orders");
    await expect.poll(text).toContain("orders for handle-1");
    await check({ ...alice, session: { id: "handle-2" } });
    await expect.poll(text).toContain("orders for handle-2");
    await check(anonymous);
    await expect.poll(text).toContain("error login_required");
    expect(await text()).toContain("frame anonymous");
    await check({ ...alice, session: { id: "handle-3" } });
    await expect.poll(text).toContain("orders for handle-3");
    expect(logins()).toEqual([]);
  });

  it("a loader that failed in an outage is repeated when the session is known", async () => {
    gateway.user = null;
    await page.goto("/app/orders");
    await expect.poll(text).toContain("error session_unavailable");
    await check(alice);
    await expect.poll(text).toContain("orders for handle-1");
  });

  it.each([
    ["an ended session", 401, "session_expired", "login_required"],
    ["a step-up", 401, "step_up_required", "step_up_required"],
    ["a replaced session", 409, "session_changed", "session_changed"],
  ])("an action that meets %s keeps the form with its input", async (_what, status, code, kind) => {
    gateway.user = alice;
    const problem = { status, code, title: code, loginUrl: "/bff/login?acr_values=2" };
    gateway.respond = (path) => (path === "/api/notes" ? { status, body: problem } : undefined);
    await page.goto("/app/note");
    await page.getByLabel("Note").fill("typed");
    await page.getByRole("button", { name: "Save" }).click();
    await expect.poll(text).toContain(`result ${kind}`);
    expect(await page.getByLabel("Note").inputValue()).toBe("typed");
  });
});

function responseTo({ pathname, search }: URL, files: ReadonlyMap<string, string>) {
  gateway.requests.push(`${pathname}${pathname === "/bff/login" ? search : ""}`);
  const given = gateway.respond(pathname);
  if (given !== undefined) {
    const { status = 200, headers = {}, body } = given;
    return { status, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) };
  }
  const file = files.get(pathname);
  if (file !== undefined) return { contentType: "text/javascript", body: file };
  if (pathname === "/bff/events") return { contentType: "text/event-stream", body: "retry: 3600000\n\n" };
  if (pathname === "/bff/user" && gateway.user === null) return { status: 503, json: { code: "store_unavailable" } };
  if (pathname === "/bff/user") return { json: gateway.user };
  if (pathname === "/bff/login") return { contentType: "text/html", body: "<title>Login</title>" };
  const page = '<!doctype html><div id="root"></div><script type="module" src="/assets/page.js"></script>';
  return { contentType: "text/html", body: page };
}

/** @param modules folder with other versions of React and react-router. @returns the files by path */
async function bundle(modules: string | undefined): Promise<ReadonlyMap<string, string>> {
  const result = (await build({
    configFile: false,
    root: import.meta.dirname,
    mode: "development",
    logLevel: "error",
    plugins: modules === undefined ? [] : [resolveFrom(modules)],
    define: { "process.env.NODE_ENV": '"development"' },
    build: {
      write: false,
      minify: false,
      modulePreload: false,
      rolldownOptions: {
        input: { page: join(import.meta.dirname, "browser/page.tsx") },
        output: { entryFileNames: "assets/[name].js", chunkFileNames: "assets/[name]-[hash].js" },
      },
    },
  })) as Rolldown.RolldownOutput;
  return new Map(result.output.flatMap((file) => (file.type === "chunk" ? [[`/${file.fileName}`, file.code]] : [])));
}

function resolveFrom(modules: string): Plugin {
  const names = Object.keys(OLD_VERSIONS).join("|");
  return {
    name: "old-versions",
    enforce: "pre",
    resolveId: {
      filter: { id: new RegExp(`^(?:${names})(?:/|$)`) },
      handler(source) {
        return this.resolve(source, join(modules, "index.js"), { skipSelf: true });
      },
    },
  };
}

function installOldVersions(): string {
  const versions = JSON.stringify(OLD_VERSIONS);
  const isInstalled = Object.keys(OLD_VERSIONS).every((name) => existsSync(join(OLD_MODULES, "node_modules", name)));
  if (!isInstalled) {
    mkdirSync(OLD_MODULES, { recursive: true });
    writeFileSync(join(OLD_MODULES, "package.json"), `{"private":true,"dependencies":${versions}}`);
    const args = ["install", "--no-audit", "--no-fund", "--loglevel=error"];
    const { status } = spawnSync("npm", args, { cwd: OLD_MODULES, stdio: ["ignore", "ignore", "inherit"] });
    if (status !== 0) throw new Error(`npm install of ${versions} failed`);
  }
  return OLD_MODULES;
}
