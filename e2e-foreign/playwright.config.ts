// Playwright configuration of the packed packages in apps outside the workspace: Chromium, one app at a time.
import { defineConfig } from "@playwright/test";
import { chromiumLaunchOptions } from "@cloakroom/testkit/chromium.ts";

export default defineConfig({
  testDir: "tests",
  retries: 0,
  workers: 1,
  forbidOnly: process.env["CI"] !== undefined,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: "list",
  use: {
    browserName: "chromium",
    launchOptions: chromiumLaunchOptions(),
    actionTimeout: 15_000,
    navigationTimeout: 30_000,
    screenshot: "only-on-failure",
  },
});
