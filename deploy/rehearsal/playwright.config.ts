// Browser tests of the composed system without Docker. Run with: npm run rehearsal
import { defineConfig } from "@playwright/test";

const chromium = process.env["CHROMIUM"];

export default defineConfig({
  testDir: "tests",
  outputDir: "test-results",
  retries: 0,
  // One shared installation: restore.spec.ts deletes and restores it.
  workers: 1,
  forbidOnly: process.env["CI"] !== undefined,
  timeout: 120_000,
  expect: { timeout: 15_000 },
  reporter: "list",
  use: {
    browserName: "chromium",
    launchOptions: chromium === undefined || chromium === "" ? {} : { executablePath: chromium },
    actionTimeout: 15_000,
    navigationTimeout: 20_000,
    screenshot: "only-on-failure",
  },
});
