// React Router in framework mode, Next.js and Astro behind the gateway: login, data with the user's token, streaming, forms,
// links from other sites, logout, hot reload.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test, type Page } from "@playwright/test";
import { DEMO_USERS } from "@cloakroom/testing/provider/users.ts";
import type { ServedApp } from "../support/app-server.ts";
import { startRenderedApp, type RenderedApp } from "../support/rendered-app.ts";

const NEXT = "next/dist/bin/next";
const ROUTER = "@react-router/dev/bin.cjs";

type Case = ServedApp & { title: string; edited: string };

const CASES: readonly Case[] = [
  {
    name: "react-router",
    title: "React Router",
    source: ["app", "vite.config.js", "react-router.config.js"],
    edited: "app/routes/home.jsx",
    production: () => ["@react-router/serve/bin.cjs", "build/server/index.js"],
    development: (port) => [ROUTER, "dev", "--port", String(port), "--host", "127.0.0.1", "--strictPort"],
  },
  {
    name: "next",
    title: "Next.js",
    source: ["app", "next.config.js"],
    edited: "app/page.jsx",
    production: (port) => [NEXT, "start", "-p", String(port), "-H", "127.0.0.1"],
    development: (port) => [NEXT, "dev", "-p", String(port), "-H", "127.0.0.1"],
  },
  {
    name: "astro",
    title: "Astro",
    source: ["src", "astro.config.mjs"],
    edited: "src/pages/index.astro",
    production: () => ["../dist/server/entry.mjs"],
    development: (port) => ["astro/bin/astro.mjs", "dev", "--port", String(port), "--host", "127.0.0.1"],
  },
];

const { username, password } = DEMO_USERS.find((user) => user.username === "alice") ?? { username: "", password: "" };

/** React Router renders the whole page for crawlers, which it knows by their User-Agent. */
const BROWSER = { accept: "text/html", "accept-encoding": "identity", "user-agent": "Mozilla/5.0 Chrome/156" };

async function logIn(page: Page): Promise<void> {
  await page.getByRole("link", { name: "Log in" }).click();
  await page.getByLabel(/Username/).fill(username);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
}

/** Opens a link on a page of another site. */
async function followForeignLink(page: Page, url: string): Promise<void> {
  const site = createServer((_request, response) => {
    response.setHeader("content-type", "text/html").end(`<!doctype html><a href="${url}">Go</a>`);
  }).listen(0, "127.0.0.1");
  await once(site, "listening");
  await page.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`);
  await page.getByRole("link", { name: "Go" }).click();
  site.closeAllConnections();
  site.close();
}

for (const app of CASES)
  for (const mode of ["production", "development"] as const)
    test.describe(`${app.title} in ${mode}`, () => {
      test.describe.configure({ mode: "serial" });
      let running: RenderedApp;
      test.beforeAll(async () => {
        test.setTimeout(180_000);
        running = await startRenderedApp(app, mode);
      });
      test.afterAll(() => running?.stop());

      test("a user logs in, sees data of the API, orders by a form and logs out", async ({ page }) => {
        const errors: string[] = [];
        page.on("pageerror", (error) => errors.push(error.message));
        await page.goto(running.origin);
        await expect(page.getByRole("heading", { name: app.title })).toBeVisible();
        await expect(page.getByText("Anonymous")).toBeVisible();
        // The scripts of the page run.
        await expect(async () => {
          await page.getByRole("button", { name: /^Count/ }).click();
          await expect(page.getByRole("button", { name: /^Count [1-9]/ })).toBeVisible({ timeout: 500 });
        }).toPass();
        await logIn(page);
        await expect(page.getByRole("heading", { name: `Orders of ${username}` })).toBeVisible();
        await expect(page).toHaveURL(`${running.origin}/orders`);
        await expect(page.getByText("Slow part: streamed")).toBeVisible();
        await page.getByLabel("Item").fill("coat");
        await page.getByRole("button", { name: "Order" }).click();
        await expect(page.getByText(`Ordered coat for ${username}`)).toBeVisible();
        expect(await page.evaluate(() => document.documentElement.outerHTML)).not.toContain("eyJ");
        await page.getByRole("button", { name: "Log out" }).click();
        await expect(page.getByText("Anonymous")).toBeVisible();
        await expect(page).toHaveURL(`${running.origin}/`);
        expect(errors).toEqual([]);
      });

      test("a link of another site opens the page with its user, query and fragment", async ({ page }) => {
        await page.goto(running.origin);
        await logIn(page);
        await expect(page.getByRole("heading", { name: `Orders of ${username}` })).toBeVisible();
        await followForeignLink(page, `${running.origin}/orders?from=mail#slow`);
        await expect(page.getByRole("heading", { name: `Orders of ${username}` })).toBeVisible();
        await expect(page).toHaveURL(`${running.origin}/orders?from=mail#slow`);
        await page.goBack();
        await expect(page.getByRole("link", { name: "Go" })).toBeVisible();
      });

      test("HTML arrives while it is rendered", async () => {
        const response = await fetch(`${running.origin}/orders`, {
          headers: BROWSER,
        });
        const startedMs = performance.now();
        let headingMs: number | undefined;
        let text = "";
        for await (const chunk of response.body ?? []) {
          text += Buffer.from(chunk).toString();
          if (text.includes("Orders of")) headingMs ??= performance.now() - startedMs;
        }
        expect(text).toContain("streamed");
        expect(performance.now() - startedMs - (headingMs ?? 0)).toBeGreaterThan(700);
      });

      if (mode === "development")
        test("an edited source file updates the page through the gateway's WebSocket", async ({ page }) => {
          const sockets: string[] = [];
          page.on("websocket", (socket) => sockets.push(new URL(socket.url()).host));
          await page.goto(running.origin);
          await expect(page.locator("#edited")).toHaveText("first text");
          await expect.poll(() => sockets.length).toBeGreaterThan(0);
          // The page's scripts have connected.
          await expect(async () => {
            await page.getByRole("button", { name: /^Count/ }).click();
            await expect(page.getByRole("button", { name: /^Count [1-9]/ })).toBeVisible({ timeout: 500 });
          }).toPass();
          await running.server.edit(app.edited, "first text", "second text");
          await expect(page.locator("#edited")).toHaveText("second text");
          expect(new Set(sockets)).toEqual(new Set([new URL(running.origin).host]));
        });
    });
