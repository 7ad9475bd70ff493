// Simulated browser of one gateway: stores cookies, sends the headers of a real browser and follows no redirects. It ignores
// SameSite and cookie prefixes, which the browser tests cover.
import { request, type Dispatcher } from "undici";

type Init = Omit<RequestInit, "headers"> & { headers?: Record<string, string> };

export type TestBrowser = {
  /** Sends all further requests to this instance. */
  useInstance(origin: string): void;
  cookies: Map<string, string>;
  /** Sends a document navigation. */
  navigate(path: string, headers?: Record<string, string>): Promise<Response>;
  /** Sends a fetch of the app, with the CSRF header. */
  fetch(path: string, init?: Init): Promise<Response>;
  /** Logs in at the provider without opening the callback. @returns the URL of the callback */
  loginAtProvider(query?: string): Promise<string>;
  /** Logs in. @returns the response of the callback */
  login(query?: string): Promise<Response>;
  setCookies: string[];
};

/**
 * @param throughProvider completes the login at the provider: authorization URL → callback URL
 * @param publicOrigin origin of the app in the browser; `startOrigin` is the address of the instance
 */
export function testBrowser(
  startOrigin: string,
  throughProvider: (authorizationUrl: string) => Promise<string> = redirectOnce,
  publicOrigin: string = startOrigin,
): TestBrowser {
  let origin = startOrigin;
  const cookies = new Map<string, string>();
  const setCookies: string[] = [];
  const send = async (path: string, init: RequestInit): Promise<Response> => {
    const headers = new Headers(init.headers);
    if (cookies.size > 0) headers.set("cookie", [...cookies].map(([name, value]) => `${name}=${value}`).join("; "));
    headers.set("host", new URL(publicOrigin).host);
    const url = new URL(path, publicOrigin);
    const response = await sendRequest(origin + url.pathname + url.search, { ...init, headers });
    for (const line of response.headers.getSetCookie()) {
      setCookies.push(line);
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === "") cookies.delete(name);
      else cookies.set(name, value);
    }
    return response;
  };
  const browser: TestBrowser = {
    useInstance: (next) => (origin = next),
    cookies,
    setCookies,
    navigate: (path, headers) =>
      send(path, {
        headers: {
          accept: "text/html",
          "sec-fetch-site": "none",
          "sec-fetch-mode": "navigate",
          "sec-fetch-dest": "document",
          ...headers,
        },
      }),
    fetch: (path, init = {}) =>
      send(path, {
        ...init,
        headers: {
          "x-csrf": "1",
          "sec-fetch-site": "same-origin",
          "sec-fetch-mode": "cors",
          "sec-fetch-dest": "empty",
          ...init.headers,
        },
      }),
    async loginAtProvider(query = "") {
      const start = await browser.navigate(`/bff/login${query}`);
      const location = start.headers.get("location");
      if (start.status !== 303 || location === null)
        throw new Error(`login responded ${start.status}: ${await start.text()}`);
      return throughProvider(location);
    },
    async login(query) {
      const callback = await browser.loginAtProvider(query);
      return browser.navigate(callback, { "sec-fetch-site": "cross-site" });
    },
  };
  return browser;
}

/** Uses undici's request, because `fetch` sets Sec-Fetch-Mode itself. */
async function sendRequest(url: string, { method = "GET", headers, body }: RequestInit): Promise<Response> {
  const response = await request(url, {
    method: method as Dispatcher.HttpMethod,
    headers: Object.fromEntries(new Headers(headers)),
    body: (body as string | undefined) ?? null,
  });
  const bytes = await response.body.bytes();
  const fields = Object.entries(response.headers).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : (Array.isArray(value) ? value : [value]).map((each) => [name, each]),
  );
  const isEmpty = [204, 304].includes(response.statusCode);
  return new Response(isEmpty ? null : Buffer.from(bytes), { status: response.statusCode, headers: fields });
}

async function redirectOnce(url: string): Promise<string> {
  const response = await fetch(url, { redirect: "manual" });
  const location = response.headers.get("location");
  if (location === null) throw new Error(`the provider responded ${response.status}`);
  return location;
}
