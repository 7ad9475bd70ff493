// The engines under test. scripts/engines.ts passes the paths of their programs in environment
// variables; the tests of an engine without its programs are skipped.
import { startChromium, startFirefox } from "./puppeteer-browser.ts";
import { startWebKit } from "./webkit-browser.ts";
import type { Engine } from "./browser.ts";

export const ENGINES = ["chromium", "firefox", "webkit"] as const;
export type EngineName = (typeof ENGINES)[number];

/** The environment variables with the paths of each engine's programs. */
export const PROGRAMS = {
  chromium: ["CHROMIUM"],
  firefox: ["FIREFOX"],
  webkit: ["WEBKIT_DRIVER", "XVFB"],
} as const satisfies Record<EngineName, readonly string[]>;

/** @returns the reason for skipping the engine, or undefined if its programs are installed */
export function missingReason(name: EngineName, env: NodeJS.ProcessEnv): string | undefined {
  const missing = PROGRAMS[name].filter((variable) => (env[variable] ?? "") === "");
  return missing.length === 0 ? undefined : `${name} is not installed: ${missing.join(", ")} not set.`;
}

export function startEngine(name: EngineName, env: NodeJS.ProcessEnv): Promise<Engine> {
  const path = (variable: string): string => env[variable] ?? "";
  switch (name) {
    case "chromium":
      return startChromium(path("CHROMIUM"));
    case "firefox":
      return startFirefox(path("FIREFOX"));
    case "webkit":
      return startWebKit({ driver: path("WEBKIT_DRIVER"), xvfb: path("XVFB") });
  }
}
