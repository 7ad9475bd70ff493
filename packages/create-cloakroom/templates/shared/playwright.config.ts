import { existsSync } from "node:fs";
import type { CloakroomOptions } from "@cloakroom/testing/playwright";
import { defineConfig } from "@playwright/test";

/** An installed browser, otherwise the one of "{{exec}} playwright install chromium". */
const chromium = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

export default defineConfig<CloakroomOptions>({
  testDir: "tests",
  forbidOnly: process.env["CI"] !== undefined,
  reporter: "list",
  use: {
    // The built app behind the gateway of this file, with a provider for tests.
    cloakroom: { config: "cloakroom.yaml" },
    browserName: "chromium",
    launchOptions: {
      ...(existsSync(chromium) ? { executablePath: chromium } : {}),
      // Chromium's sandbox does not start for root, for example in a container.
      args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
    },
    screenshot: "only-on-failure",
  },
});
