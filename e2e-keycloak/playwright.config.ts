// How the tests against a real Keycloak run. Start them with scripts/keycloak/e2e.ts, which starts what they need.
import { defineConfig } from "@playwright/test";

const chromium = process.env["CHROMIUM"];

export default defineConfig({
  testDir: "tests",
  outputDir: "test-results",
  retries: 0,
  // One Keycloak for all: every test has its own user, and those that change a client have their own client.
  workers: 2,
  fullyParallel: true,
  forbidOnly: process.env["CI"] !== undefined,
  // Pictures are for looking at, not for passing: see tests/screenshots.spec.ts.
  ...(process.env["E2E_SCREENSHOTS"] === undefined ? { grepInvert: /@screenshots/ } : {}),
  timeout: 90_000,
  globalTimeout: 15 * 60_000,
  expect: { timeout: 25_000 },
  reporter: "list",
  use: {
    browserName: "chromium",
    launchOptions: {
      // Chromium's sandbox refuses to start for root; for everybody else it stays on.
      args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
      ...(chromium === undefined || chromium === "" ? {} : { executablePath: chromium }),
    },
    actionTimeout: 25_000,
    navigationTimeout: 30_000,
    screenshot: "only-on-failure",
  },
});
