// Prints what a failed test needs for a diagnosis to stdout, for CI machines that keep only the text.
import type { BrowserContext } from "@playwright/test";
import type { TestSystem } from "./system.ts";

type Offsets = { exchanges: number; logChars: number };

export const currentOffsets = (system: TestSystem): Offsets => ({
  exchanges: system.exchanges.length,
  logChars: system.gateway.output().length,
});

/** Prints each open page as an ARIA snapshot, and the gateway's responses and log lines since `start`. */
export async function printFailure(
  system: TestSystem,
  contexts: readonly BrowserContext[],
  start: Offsets,
): Promise<void> {
  const pages = contexts.flatMap((context) => context.pages());
  const snapshots = await Promise.all(
    pages.map(async (page) => {
      const content = await page
        .locator("body")
        .ariaSnapshot({ timeout: 2_000 })
        .catch(() => "(no snapshot within 2 s)");
      return `-- page ${withoutQuery(page.url())}\n${content}`;
    }),
  );
  const responses = system.exchanges
    .slice(start.exchanges)
    .map(({ method, url, status }) => `${method} ${withoutQuery(url)} ${status}`);
  const logLines = system.gateway.output().slice(start.logChars);
  console.log([...snapshots, "-- responses", ...responses, "-- gateway log", logLines].join("\n"));
}

const withoutQuery = (address: string): string => address.replace(/\?.*/s, "?…");
