// Entry point @cloakroom/testing/client: a headless client of a gateway for tests of an API. Keeps cookies, logs in through the
// provider's form, and sends the headers of the app's fetch.
import "./require-node.ts";
import { formBrowser, type FetchOptions } from "./form-browser.ts";

export type { FetchOptions };

export type Credentials = { readonly username: string; readonly password: string };

export type TestClient = {
  /** Logs in with the provider's login form. @throws Error if the gateway has no session afterwards */
  login(user: Credentials): Promise<void>;
  /** Sends a request as the app's `fetch` would, with the CSRF headers. Follows no redirect. */
  fetch(path: string, options?: FetchOptions): Promise<Response>;
  /** Claims of the logged-in user; null without a session. */
  user(): Promise<Record<string, unknown> | null>;
  /** Ends the session at the gateway; the provider's own session stays. */
  logout(): Promise<void>;
};

/** The embedded provider's login form. */
const LOGIN_FORM = /\/login$/;

/** @param system `origin`: the gateway's public origin */
export function createTestClient({ origin }: { origin: string }): TestClient {
  let browser = formBrowser();
  const client: TestClient = {
    async login(user) {
      await client.logout();
      // Without cookies, since the provider's session could belong to another user.
      browser = formBrowser();
      const start = await browser.open(`${origin}/bff/login`);
      const { username, password } = user;
      const page = await browser.submit(start, { username, password }, LOGIN_FORM);
      if ((await client.user()) === null)
        throw new Error(
          `${username} is not logged in: ${page.url.split("?")[0]} responded ${page.status}\n${page.html}`,
        );
    },
    fetch: (path, { headers, ...options } = {}) =>
      browser.fetch(new URL(path, origin).href, {
        ...options,
        headers: {
          "x-csrf": "1",
          "sec-fetch-site": "same-origin",
          "sec-fetch-mode": "cors",
          "sec-fetch-dest": "empty",
          origin,
          ...headers,
        },
      }),
    async user() {
      const response = await client.fetch("/bff/user");
      if (!response.ok) throw new Error(`/bff/user responded ${response.status}: ${await response.text()}`);
      return ((await response.json()) as { user: Record<string, unknown> | null }).user;
    },
    async logout() {
      if ((await client.user()) === null) return;
      const response = await client.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });
      if (!response.ok) throw new Error(`/bff/logout responded ${response.status}: ${await response.text()}`);
    },
  };
  return client;
}
