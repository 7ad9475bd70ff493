// A tab in which alice is logged in and whose client has started.
import { createBrowser, createGateway, type TabOptions } from "./fake-browser.ts";

export async function openTabOfAlice(options: TabOptions = {}) {
  const browser = createBrowser();
  const gateway = createGateway(browser);
  gateway.logIn("alice", "s1");
  const tab = browser.openTab({ url: "/orders?id=7#x", ...options });
  const stop = tab.client.start();
  await browser.wait(1_000);
  return { ...tab, browser, gateway, stop };
}
