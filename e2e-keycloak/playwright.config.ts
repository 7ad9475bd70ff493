// Playwright configuration of the tests on a real Keycloak. scripts/keycloak/e2e.ts starts Keycloak and runs them.
import { defineConfig } from "@playwright/test";

const chromium = process.env["CHROMIUM"];

export default defineConfig({
  testDir: "tests",
  outputDir: "test-results",
  retries: 0,
  // Both workers share Keycloak: every test has its own user, and tests that change a client create one.
  workers: 2,
  fullyParallel: true,
  forbidOnly: process.env["CI"] !== undefined,
  // Screenshots are taken on request only: see tests/screenshots.spec.ts.
  ...(process.env["E2E_SCREENSHOTS"] === undefined ? { grepInvert: /@screenshots/ } : {}),
  timeout: 90_000,
  globalTimeout: 15 * 60_000,
  expect: { timeout: 25_000 },
  reporter: "list",
  use: {
    browserName: "chromium",
    launchOptions: {
      // Chromium's sandbox does not start for root.
      args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
      ...(chromium === undefined || chromium === "" ? {} : { executablePath: chromium }),
    },
    actionTimeout: 25_000,
    navigationTimeout: 30_000,
    screenshot: "only-on-failure",
  },
});
