// Playwright configuration of the apps of other frameworks behind the gateway: Chromium, one app at a time.
import { defineConfig } from "@playwright/test";
import { chromiumLaunchOptions } from "@cloakroom/testkit/chromium.ts";

export default defineConfig({
  testDir: "tests",
  retries: 0,
  // Development servers compile on demand: two of them would compete for the two cores of the CI machine.
  workers: 1,
  forbidOnly: process.env["CI"] !== undefined,
  timeout: 120_000,
  expect: { timeout: 30_000 },
  reporter: "list",
  use: {
    browserName: "chromium",
    launchOptions: chromiumLaunchOptions(),
    actionTimeout: 30_000,
    navigationTimeout: 60_000,
    screenshot: "only-on-failure",
  },
});
