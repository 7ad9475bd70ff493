// Which engines there are, and where their programs come from: scripts/engines-run.ts finds or installs them and passes
// the paths in the environment. The tests of an engine that is not there are skipped.
import { startChromium, startFirefox } from "./puppeteer-browser.ts";
import { startWebKit } from "./webkit-browser.ts";
import type { Engine } from "./browser.ts";

export const ENGINES = ["chromium", "firefox", "webkit"] as const;
export type EngineName = (typeof ENGINES)[number];

/** The programs that an engine needs, by the variables that hold their paths. */
export const PROGRAMS = {
  chromium: ["CHROMIUM"],
  firefox: ["FIREFOX"],
  webkit: ["WEBKIT_DRIVER", "XVFB"],
} as const satisfies Record<EngineName, readonly string[]>;

/** @returns why the engine cannot be started, or undefined */
export function whyMissing(name: EngineName, env: NodeJS.ProcessEnv): string | undefined {
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
