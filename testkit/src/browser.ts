// A browser without a screen that talks to one gateway: keeps cookies, follows nothing by itself, sends what a real
// browser would send. SameSite and prefixes are tested in Chromium; here cookies always come along.
import { request, type Dispatcher } from "undici";

type Init = Omit<RequestInit, "headers"> & { headers?: Record<string, string> };

export type TestBrowser = {
  /** The instance that its requests go to from now on. */
  useInstance(origin: string): void;
  cookies: Map<string, string>;
  /** A document navigation. */
  navigate(path: string, headers?: Record<string, string>): Promise<Response>;
  /** A fetch of the app: with the CSRF header. */
  fetch(path: string, init?: Init): Promise<Response>;
  /** Goes to the provider and back to the callback, without opening it. @returns its address */
  loginAtProvider(query?: string): Promise<string>;
  /** The whole login. @returns the answer of the callback */
  login(query?: string): Promise<Response>;
  setCookies: string[];
};

/**
 * @param throughProvider follows the provider's pages from its address to the callback's.
 * @param publicOrigin where the browser believes to be; `startOrigin` is the instance that a balancer chose.
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
        throw new Error(`login answered ${start.status}: ${await start.text()}`);
      return throughProvider(location);
    },
    async login(query) {
      const callback = await browser.loginAtProvider(query);
      return browser.navigate(callback, { "sec-fetch-site": "cross-site" });
    },
  };
  return browser;
}

/** Not Node's fetch: that one sends a Sec-Fetch-Mode of its own. */
async function sendRequest(url: string, { method = "GET", headers, body }: RequestInit): Promise<Response> {
  const answer = await request(url, {
    method: method as Dispatcher.HttpMethod,
    headers: Object.fromEntries(new Headers(headers)),
    body: (body as string | undefined) ?? null,
  });
  const bytes = await answer.body.bytes();
  const fields = Object.entries(answer.headers).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : (Array.isArray(value) ? value : [value]).map((each) => [name, each]),
  );
  const isEmpty = [204, 304].includes(answer.statusCode);
  return new Response(isEmpty ? null : Buffer.from(bytes), { status: answer.statusCode, headers: fields });
}

async function redirectOnce(url: string): Promise<string> {
  const response = await fetch(url, { redirect: "manual" });
  const location = response.headers.get("location");
  if (location === null) throw new Error(`the provider answered ${response.status}`);
  return location;
}
