// What a failed test leaves in the output: a machine that only keeps the text must still tell where the login stopped.
import type { BrowserContext } from "@playwright/test";
import type { TestSystem } from "./system.ts";

type Since = { exchanges: number; logChars: number };

export const nowOf = (system: TestSystem): Since => ({
  exchanges: system.exchanges.length,
  logChars: system.gateway.output().length,
});

/** Every open page as a reader would hear it, what the gateway answered, and what it wrote, since the test began. */
export async function printFailure(
  system: TestSystem,
  contexts: readonly BrowserContext[],
  since: Since,
): Promise<void> {
  const pages = contexts.flatMap((context) => context.pages());
  const seen = await Promise.all(
    pages.map(async (page) => {
      const content = await page
        .locator("body")
        .ariaSnapshot({ timeout: 2_000 })
        .catch(() => "(the page does not answer)");
      return `-- page ${withoutQuery(page.url())}\n${content}`;
    }),
  );
  const answers = system.exchanges
    .slice(since.exchanges)
    .map(({ method, url, status }) => `${method} ${withoutQuery(url)} ${status}`);
  console.log(
    [...seen, "-- answers", ...answers, "-- the gateway's log", system.gateway.output().slice(since.logChars)].join(
      "\n",
    ),
  );
}

const withoutQuery = (address: string): string => address.replace(/\?.*/s, "?…");
