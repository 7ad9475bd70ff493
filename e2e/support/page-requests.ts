// Requests with the app's headers: sent by a script of the page, or outside the browser with a copied cookie.
import type { APIRequestContext, APIResponse, Page } from "@playwright/test";

export type JsonResponse = { status: number; body: unknown };

/** Sends a request as a script of the page. @returns status 0 on a network error or a body that is not JSON */
export function call(page: Page, path: string, init: { method?: string; body?: string } = {}): Promise<JsonResponse> {
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

/** Sends a GET request with a copied session cookie, outside any browser. */
export function requestWithCookie(request: APIRequestContext, url: string, cookie: string): Promise<APIResponse> {
  return request.get(url, {
    headers: { cookie, accept: "application/json", "x-csrf": "1", origin: new URL(url).origin },
  });
}
