// A page of the app's origin that has only @cloakroom/client, as `window.client`.
import type { BrowserContext, Page } from "@playwright/test";
import type { Client } from "@cloakroom/client";
import { rolldown } from "rolldown";

declare global {
  interface Window {
    client: Client;
  }
}

const path = "/client-page";
const html = `<!doctype html><title>client</title><script type="module">
import { createClient } from "${path}.js";
window.client = createClient();
window.client.start();
</script>`;

async function bundleClient(): Promise<string> {
  const bundle = await rolldown({ input: new URL("../../packages/client/src/index.ts", import.meta.url).pathname });
  const { output } = await bundle.generate({ format: "esm" });
  await bundle.close();
  return output[0].code;
}

/** Serves the page in this browser. */
export async function routeClientPage(context: BrowserContext): Promise<void> {
  const code = await bundleClient();
  await context.route(
    (url) => url.pathname === path,
    (route) => route.fulfill({ contentType: "text/html", body: html }),
  );
  await context.route(
    (url) => url.pathname === `${path}.js`,
    (route) => route.fulfill({ contentType: "text/javascript", body: code }),
  );
}

/** Opens a tab and waits until its state is known. */
export async function openClientPage(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  await page.goto(path);
  await page.waitForFunction(() => window.client?.getState().status !== "unknown");
  return page;
}

/** Waits until the tab shows the user. */
export async function expectUser(page: Page, sub: string): Promise<void> {
  await page.waitForFunction((expected) => window.client?.getState().user?.sub === expected, sub);
}
