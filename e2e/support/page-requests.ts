// Calls that the test makes in the page's own name, as a script of the app would.
import type { APIRequestContext, APIResponse, Page } from "@playwright/test";

export type Answer = { status: number; body: unknown };

/** @returns status 0 where no answer came */
export function call(page: Page, path: string, init: { method?: string } = {}): Promise<Answer> {
  return page.evaluate(
    async ([address, options]) => {
      try {
        const response = await fetch(address, { ...options, headers: { Accept: "application/json", "X-CSRF": "1" } });
        return { status: response.status, body: (await response.json()) as unknown };
      } catch {
        return { status: 0, body: null };
      }
    },
    [path, init] as const,
  );
}

/** Somebody who holds a cookie and no browser: sends what the app would send. */
export function replay(request: APIRequestContext, url: string, cookie: string): Promise<APIResponse> {
  return request.get(url, {
    headers: { cookie, accept: "application/json", "x-csrf": "1", origin: new URL(url).origin },
  });
}
