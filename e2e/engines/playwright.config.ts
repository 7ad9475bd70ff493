// The scenarios that every engine must pass, each in Chromium, Firefox and WebKit. Playwright is only the runner here:
// its own Firefox and WebKit are patched builds, and these tests are about the browsers that people install.
import { availableParallelism } from "node:os";
import { defineConfig } from "@playwright/test";
import { ENGINES } from "./support/engines.ts";
import type { EngineOptions } from "./support/test.ts";

export default defineConfig<object, EngineOptions>({
  testDir: "tests",
  retries: 0,
  workers: Math.min(2, availableParallelism()),
  forbidOnly: process.env["CI"] !== undefined,
  timeout: 90_000,
  expect: { timeout: 20_000 },
  reporter: "list",
  projects: ENGINES.map((engineName) => ({ name: engineName, use: { engineName } })),
});
