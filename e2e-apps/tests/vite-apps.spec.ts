// Stock Vite apps behind the gateway. Each violates the default policies where it must, the log names the settings, and with
// exactly these the app works: login, API call, logout, and no further violation.
import { expect, test, type Page } from "@playwright/test";
import { enterPassword } from "../../e2e/support/provider-pages.ts";
import { serveApp, type ServedApp } from "../support/served-app.ts";
import { startStandIn, type StandIn } from "../support/stand-in.ts";

const API = "/api/protected?message=hello";

type App = {
  name: string;
  /** `directive blocked` with the default policies, in alphabetical order. */
  violations: (standIn: StandIn) => string[];
  /** Also allows what is blocked only after the first settings. */
  settings: (standIn: StandIn) => Record<string, string>;
  /** Passes only if the app works. */
  expectWorking: (page: Page, standIn: StandIn) => Promise<unknown>;
  replacements?: (standIn: StandIn) => Record<string, string>;
};

const APPS: readonly App[] = [
  {
    // `npm create vite -- --template react-ts`, unchanged.
    name: "react",
    violations: () => [],
    settings: () => ({}),
    async expectWorking(page) {
      await page.getByRole("button", { name: "Count is 0" }).click();
      await expect(page.getByRole("button", { name: "Count is 1" })).toBeVisible();
      const broken = () =>
        page.evaluate(() => [...document.images].filter(({ naturalWidth }) => naturalWidth === 0).length);
      await expect.poll(broken).toBe(0);
    },
  },
  {
    name: "mui",
    violations: () => ["style-src-elem inline"],
    settings: () => ({ CSP_ADDITIONS: "style-src 'unsafe-inline'" }),
    async expectWorking(page) {
      const button = page.getByRole("button", { name: "Open" });
      await expect(button).toHaveCSS("background-color", "rgb(0, 105, 92)");
      await button.click();
      await expect(page.getByRole("dialog", { name: "A dialog" })).toBeVisible();
      await page.keyboard.press("Escape");
      await expect(page.getByRole("dialog")).toBeHidden();
    },
  },
  {
    name: "mantine",
    violations: () => ["require-trusted-types-for trusted-types-sink: Element innerHTML"],
    settings: () => ({ TRUSTED_TYPES: "off", CSP_ADDITIONS: "style-src 'unsafe-inline'" }),
    async expectWorking(page) {
      const button = page.getByRole("button", { name: "Open" });
      await expect(button).toHaveCSS("background-color", "rgb(18, 184, 134)");
      await button.click();
      await expect(page.getByRole("dialog", { name: "A dialog" })).toBeVisible();
      await page.keyboard.press("Escape");
      await expect(page.getByRole("dialog")).toBeHidden();
    },
  },
  {
    name: "workers",
    violations: () => ["require-trusted-types-for trusted-types-sink: Worker constructor", "script-src wasm-eval"],
    settings: () => ({ TRUSTED_TYPES: "off", CSP_ADDITIONS: "script-src 'wasm-unsafe-eval'; worker-src blob:" }),
    expectWorking: (page) =>
      expect(page.locator("#root")).toHaveText('{"worker":40,"inline":60,"wasm":42,"done":true}'),
  },
  {
    name: "remote",
    violations: ({ origin }) => [`connect-src ${origin}`, `style-src-elem ${origin}`],
    settings: ({ origin }) => ({ CSP_ADDITIONS: `style-src ${origin}; connect-src ${origin}; font-src ${origin}` }),
    replacements: ({ origin }) => ({
      "http://fonts.invalid": origin,
      "http://0123456789abcdef@sentry.invalid": origin.replace("//", "//0123456789abcdef@"),
    }),
    async expectWorking(page, { received }) {
      await expect(page.locator("#root")).toHaveText("Remote");
      await expect
        .poll(() => [...new Set(received)].sort())
        .toEqual(["GET /css2", "GET /font.woff2", "POST /api/1/envelope/"]);
    },
  },
];

for (const app of APPS)
  test(`the app ${app.name} works with exactly the settings that the log names`, async ({ page }) => {
    const standIn = await startStandIn();
    const served = await serveApp(app.name, app.replacements?.(standIn));
    const complaints = recordComplaints(page);
    try {
      await open(page, served);
      await expect.poll(served.violations).toEqual(app.violations(standIn));
      expect(sorted(await followTheLog(page, served))).toEqual(sorted(app.settings(standIn)));
      complaints.splice(0);
      await logIn(page, served);
      await app.expectWorking(page, standIn);
      expect(await statusOf(page, API)).toBe(200);
      await logOut(page, served);
      expect(await statusOf(page, API)).toBe(401);
      expect([served.violations(), complaints]).toEqual([[], []]);
    } finally {
      await served.stop();
      standIn.stop();
    }
  });

test("a PWA works offline, logs in past its service worker, and leaves nothing behind after the logout", async ({
  page,
  context,
}) => {
  const served = await serveApp("pwa");
  const complaints = recordComplaints(page);
  try {
    await open(page, served);
    const registration = "require-trusted-types-for trusted-types-sink: ServiceWorkerContainer register";
    await expect.poll(served.violations).toEqual([registration]);
    expect(await followTheLog(page, served)).toEqual({ TRUSTED_TYPES: "off" });
    complaints.splice(0);
    await expectServiceWorker(page);

    await context.setOffline(true);
    await page.reload();
    await expect(page.locator("#root")).toHaveText("Offline shell");
    await context.setOffline(false);

    await logIn(page, served);
    expect(await statusOf(page, API)).toBe(200);
    expect(await statusOf(page, "/bff/user")).toBe(200);
    expect((await cachedPaths(page)).filter((path) => /^\/(api|bff)(\/|$)/.test(path))).toEqual([]);
    expect(await cachedPaths(page)).toContain("/index.html");

    await logOut(page, served);
    expect(await statusOf(page, API)).toBe(401);
    await page.goto(`${served.origin}/`);
    expect(
      await page.evaluate(async () => (await (await fetch("/bff/user", { headers: { "X-CSRF": "1" } })).json()).user),
    ).toBeNull();
    expect([served.violations(), complaints]).toEqual([[], []]);
  } finally {
    await served.stop();
  }
});

async function open(page: Page, { origin }: ServedApp): Promise<void> {
  await page.goto(origin);
  await page.waitForLoadState("networkidle");
}

/** Restarts with the settings of the log until no violation is left. */
async function followTheLog(page: Page, served: ServedApp): Promise<Record<string, string>> {
  let settings: Record<string, string> = {};
  while (served.violations().length > 0) {
    settings = { ...settings, ...served.suggestedSettings() };
    await served.restart(settings);
    await open(page, served);
  }
  return settings;
}

/** Violations are reported in the order in which the browser detects them. */
function sorted(settings: Record<string, string>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, value.split("; ").toSorted()]));
}

/** Messages of the console about policies, and uncaught errors. */
function recordComplaints(page: Page): string[] {
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (/Content Security Policy|Trusted ?Type|violates/i.test(message.text())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  return complaints;
}

async function logIn(page: Page, { origin, provider }: ServedApp): Promise<void> {
  const user = { username: "kim", password: "a long password of Kim" };
  await provider.addUser({ name: "Kim", ...user });
  await page.goto(`${origin}/bff/login?returnTo=/`);
  await enterPassword(page, user);
  await page.waitForURL(`${origin}/`);
}

async function logOut(page: Page, { origin }: ServedApp): Promise<void> {
  const returned = page.waitForResponse((response) => response.url().startsWith(`${origin}/bff/logout/return`));
  await page.evaluate(() => {
    const form = document.createElement("form");
    Object.assign(form, { method: "post", action: "/bff/logout" });
    document.body.append(form);
    form.submit();
  });
  await returned;
  await page.waitForURL(`${origin}/logged-out`);
  await page.waitForLoadState("networkidle");
}

function statusOf(page: Page, path: string): Promise<number> {
  return page.evaluate(async (url) => (await fetch(url, { headers: { "X-CSRF": "1" } })).status, path);
}

async function expectServiceWorker(page: Page): Promise<void> {
  await page.evaluate(async () => void (await navigator.serviceWorker.ready));
  await expect.poll(() => page.evaluate(() => navigator.serviceWorker.controller?.state)).toBe("activated");
}

/** Paths of everything that any cache of the origin holds. */
function cachedPaths(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const opened = await Promise.all((await caches.keys()).map((name) => caches.open(name)));
    const requests = await Promise.all(opened.map((cache) => cache.keys()));
    return requests.flat().map(({ url }) => new URL(url).pathname);
  });
}
