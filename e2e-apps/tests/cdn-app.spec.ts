// An app whose files are on a CDN (SPA_URL): the page comes from the gateway, everything else from the CDN's origin.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "@playwright/test";
import { DEMO_USERS } from "@cloakroom/testing/provider/users.ts";
import { startSystem } from "@cloakroom/demo/system.ts";
import { enterPassword } from "../../e2e/support/provider-pages.ts";

const { username, password } = DEMO_USERS.find((user) => user.username === "alice") ?? { username: "", password: "" };

const SCRIPT = `
  const { user } = await (await fetch("/bff/user", { headers: { "X-CSRF": "1" } })).json();
  document.getElementById("root").textContent = user === null ? "Not logged in" : user.preferred_username;
`;

/** As Vite builds an app with the CDN as its base: a module script, a style sheet, an image. */
function filesOf(origin: string): Record<string, [type: string, body: string]> {
  const base = `${origin}/shop/assets`;
  const page = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>On a CDN</title><link rel="icon" href="${base}/logo.svg">
<script type="module" crossorigin src="${base}/app.js"></script><link rel="stylesheet" crossorigin href="${base}/app.css"></head>
<body><p id="root"></p><img src="${base}/logo.svg" alt="Logo"><a href="/bff/login?returnTo=/orders">Log in</a></body></html>`;
  const logo = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>';
  return {
    "/shop/index.html": ["text/html", page],
    "/shop/assets/app.js": ["text/javascript", SCRIPT],
    "/shop/assets/app.css": ["text/css", "#root { color: rgb(0, 105, 92) }"],
    "/shop/assets/logo.svg": ["image/svg+xml", logo],
  };
}

async function startCdn() {
  const server = createServer((request, response) => {
    const [type, body] = files[request.url ?? ""] ?? [];
    response.setHeader("Access-Control-Allow-Origin", "*");
    if (type === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "Content-Type": type }).end(body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const files = filesOf(origin);
  return {
    url: `${origin}/shop/index.html`,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

test("an app on a CDN works without CSP additions, and while the CDN is away", async ({ page }) => {
  const cdn = await startCdn();
  const system = await startSystem({ redis: "none", provider: { passwordCost: 2 }, gatewayEnv: { SPA_URL: cdn.url } });
  const complaints: string[] = [];
  page.on("console", (message) => void (message.type() === "error" && complaints.push(message.text())));
  page.on("pageerror", (error) => void complaints.push(String(error)));
  try {
    await page.goto(system.origin);
    await expect(page).toHaveTitle("On a CDN");
    await expect(page.locator("#root")).toHaveText("Not logged in");
    await expect(page.locator("#root")).toHaveCSS("color", "rgb(0, 105, 92)");
    const naturalWidth = () => page.getByAltText("Logo").evaluate((image) => (image as HTMLImageElement).naturalWidth);
    await expect.poll(naturalWidth).toBe(9);

    await page.getByRole("link", { name: "Log in" }).click();
    await enterPassword(page, { username, password });
    await expect(page).toHaveURL(`${system.origin}/orders`);
    await expect(page.locator("#root")).toHaveText(username);

    expect(complaints).toEqual([]);
    // Scripts cannot send data to the CDN.
    expect(await page.evaluate((url) => fetch(url).catch(String), cdn.url)).toContain("Failed to fetch");

    cdn.stop();
    const response = await page.request.get(`${system.origin}/orders`);
    expect([response.status(), await response.text()]).toEqual([200, expect.stringContaining("On a CDN")]);
  } finally {
    cdn.stop();
    await system.stop();
  }
});
