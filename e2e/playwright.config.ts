// Playwright configuration of the browser tests: Chromium, no retries, one system per worker.
import { defineConfig } from "@playwright/test";
import { chromiumLaunchOptions } from "@cloakroom/testkit/chromium.ts";
import { isOnKeycloak } from "./support/provider-pages.ts";

export default defineConfig({
  testDir: "tests",
  fullyParallel: true,
  retries: 0,
  // Tests wait more than they compute: one worker more than the two cores of the CI machine.
  workers: isOnKeycloak ? 2 : 3,
  forbidOnly: process.env["CI"] !== undefined,
  // Screenshots are taken on request only: see tests/screenshots.spec.ts. npm test leaves @extended to npm run test:all.
  ...(process.env["E2E_SCREENSHOTS"] === undefined ? { grepInvert: /@screenshots/ } : {}),
  // Keycloak hashes passwords at production cost, and both workers share it.
  timeout: isOnKeycloak ? 90_000 : 60_000,
  // The tests of @cloakroom/testing have a provider of their own.
  ...(isOnKeycloak ? { globalTimeout: 20 * 60_000, testIgnore: "**/testing/**" } : {}),
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
