// Launch options for Chromium: the installed one (CHROMIUM, default /usr/bin/chromium), else Playwright's.
import { existsSync } from "node:fs";
import type { LaunchOptions } from "@playwright/test";

/** Chromium applies only the last --disable-features; ours replaces Playwright's, so its features are repeated here. */
const DISABLED_BY_PLAYWRIGHT = [
  "AvoidUnnecessaryBeforeUnloadCheckSync",
  "DestroyProfileOnBrowserClose",
  "HttpsUpgrades",
  "HttpsFirstBalancedModeAutoEnable",
  "LensOverlay",
  "MediaRouter",
  "PaintHolding",
  "ThirdPartyStoragePartitioning",
  "AvoidCorsURLLoaderRestartOnRedirect",
  "OptimizationHints",
  "NetworkTimeServiceQuerying",
  "AimEnabled",
  "PreconnectToSearch",
];

/** Chromium renders these hidden pages for every new browser, which takes a fifth of the suite's time. */
const ADDRESS_BAR_PAGES = ["WebUIOmniboxPopup", "WebUIOmniboxFullPopup", "WebUIOmniboxAimPopup"];

export function chromiumLaunchOptions(): LaunchOptions {
  const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
  return {
    args: [
      // Chromium's sandbox does not start for root.
      ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
      `--disable-features=${[...DISABLED_BY_PLAYWRIGHT, ...ADDRESS_BAR_PAGES].join(",")}`,
    ],
    ...(existsSync(executablePath) ? { executablePath } : {}),
  };
}
