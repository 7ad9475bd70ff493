// Playwright configuration of the browser tests: Chromium, no retries, at most two workers with one system each.
import { availableParallelism } from "node:os";
import { defineConfig } from "@playwright/test";
import { chromiumLaunchOptions } from "./support/chromium.ts";
import { isOnKeycloak } from "./support/provider-pages.ts";

export default defineConfig({
  testDir: "tests",
  fullyParallel: true,
  retries: 0,
  workers: Math.min(2, availableParallelism()),
  forbidOnly: process.env["CI"] !== undefined,
  // Screenshots are taken on request only: see tests/screenshots.spec.ts.
  ...(process.env["E2E_SCREENSHOTS"] === undefined ? { grepInvert: /@screenshots/ } : {}),
  // Keycloak hashes passwords at production cost, and both workers share it.
  timeout: isOnKeycloak ? 90_000 : 60_000,
  ...(isOnKeycloak ? { globalTimeout: 20 * 60_000 } : {}),
  expect: { timeout: isOnKeycloak ? 25_000 : 15_000 },
  reporter: "list",
  use: {
    browserName: "chromium",
    launchOptions: chromiumLaunchOptions(),
    actionTimeout: isOnKeycloak ? 25_000 : 15_000,
    navigationTimeout: isOnKeycloak ? 30_000 : 20_000,
    screenshot: "only-on-failure",
  },
});
