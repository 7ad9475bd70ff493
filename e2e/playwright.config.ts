// How the browser tests run: a real Chromium, no retries, and at most two workers, each with a system of its own.
import { availableParallelism } from "node:os";
import { defineConfig } from "@playwright/test";
import { chromiumLaunch } from "./support/chromium.ts";
import { isOnKeycloak } from "./support/provider-pages.ts";

export default defineConfig({
  testDir: "tests",
  fullyParallel: true,
  retries: 0,
  workers: Math.min(2, availableParallelism()),
  forbidOnly: process.env["CI"] !== undefined,
  // Pictures are for looking at, not for passing: see tests/screenshots.spec.ts.
  ...(process.env["E2E_SCREENSHOTS"] === undefined ? { grepInvert: /@screenshots/ } : {}),
  // Keycloak hashes passwords as a real one does, and both workers share it.
  timeout: isOnKeycloak ? 90_000 : 60_000,
  ...(isOnKeycloak ? { globalTimeout: 20 * 60_000 } : {}),
  expect: { timeout: isOnKeycloak ? 25_000 : 15_000 },
  reporter: "list",
  use: {
    browserName: "chromium",
    launchOptions: chromiumLaunch(),
    actionTimeout: isOnKeycloak ? 25_000 : 15_000,
    navigationTimeout: isOnKeycloak ? 30_000 : 20_000,
    screenshot: "only-on-failure",
  },
});
