// Which Chromium is started, and how: the machine's own where there is one, else the one that Playwright brings.
import { existsSync } from "node:fs";
import type { LaunchOptions } from "@playwright/test";

/** Chromium takes only the last --disable-features: these are Playwright's own, which ours replaces. */
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

/** Pages behind the address bar that nobody sees here, drawn anew for every browser: a fifth of the suite's time. */
const ADDRESS_BAR_PAGES = ["WebUIOmniboxPopup", "WebUIOmniboxFullPopup", "WebUIOmniboxAimPopup"];

export function chromiumLaunch(): LaunchOptions {
  const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
  return {
    args: [
      // Chromium's sandbox refuses to start for root; for everybody else it stays on.
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
