// Playwright configuration of the cross-engine tests: the same scenarios in Chromium, Firefox and WebKit. Playwright is
// the runner only; stock browsers are driven in place of its patched Firefox and WebKit builds.
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
