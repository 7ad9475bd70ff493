// Headless HTTP client that behaves like a browser: follows redirects, stores cookies, submits HTML forms.
import { request } from "node:http";
import { text } from "node:stream/consumers";

type Cookie = { host: string; path: string; name: string; value: string };

export type Page = { url: string; status: number; headers: Headers; html: string };

export type FormBrowser = {
  /** Follows redirects until `stopAt` matches the next URL. */
  open: (url: string, options?: RequestOptions) => Promise<Page>;
  /** Submits the first form whose action matches, with its hidden fields and `fields`. */
  submit: (page: Page, fields: Record<string, string>, action?: RegExp) => Promise<Page>;
  /** Sends one request with the cookies of its host, and follows no redirect. */
  fetch: (url: string, options?: FetchOptions) => Promise<Response>;
  cookies(): readonly Cookie[];
  /** Deletes the cookies of one host. */
  deleteCookies: (host: string) => void;
};

export type FetchOptions = {
  method?: string;
  body?: string | URLSearchParams;
  headers?: Record<string, string>;
};

type RequestOptions = FetchOptions & {
  /** URL of the page with the link or form, for Sec-Fetch-Site. Default: a typed URL. */
  initiator?: string;
};

/** Headers of a navigation. They rule out `fetch`, which always sends `Sec-Fetch-Mode: cors`. */
const NAVIGATION = { accept: "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };

const maxRedirects = 20;
/** A Response of these must not have a body (Fetch §2.2.3). */
const NULL_BODY_STATUS = new Set([204, 205, 304]);

/** @param stopAt URLs that are not fetched; the returned page has them as its `url` and status 0 */
export function formBrowser({ stopAt = /$^/ }: { stopAt?: RegExp } = {}): FormBrowser {
  const jar: Cookie[] = [];
  const storeCookies = (url: URL, headers: Headers) => {
    for (const line of headers.getSetCookie()) {
      const [pair = "", ...attributes] = line.split(/;\s*/);
      const [name, value] = splitOnce(pair, "=");
      const path = attributes.find((each) => /^path=/i.test(each))?.slice(5) ?? "/";
      const isDeleted = value === "" || attributes.some((each) => /^(max-age=0|expires=thu, 01 jan 1970)/i.test(each));
      const index = jar.findIndex((each) => each.host === url.hostname && each.path === path && each.name === name);
      if (index >= 0) jar.splice(index, 1);
      if (!isDeleted) jar.push({ host: url.hostname, path, name, value });
    }
  };
  const cookieHeader = (url: URL) =>
    jar
      .filter(({ host, path }) => host === url.hostname && `${url.pathname}/`.startsWith(path.replace(/\/?$/, "/")))
      .map(({ name, value }) => `${name}=${value}`)
      .join("; ");

  const open = async (start: string, options: RequestOptions = {}): Promise<Page> => {
    let url = new URL(start);
    let next: RequestOptions = options;
    let site = "none";
    for (let hop = 0; hop < maxRedirects; hop += 1) {
      if (stopAt.test(url.href)) return { url: url.href, status: 0, headers: new Headers(), html: "" };
      if (options.initiator !== undefined && site !== "cross-site")
        site = new URL(options.initiator).origin === url.origin ? "same-origin" : "cross-site";
      const response = await send(url, {
        ...next,
        headers: { ...NAVIGATION, "sec-fetch-site": site, cookie: cookieHeader(url), ...next.headers },
      });
      storeCookies(url, response.headers);
      const location = response.headers.get("location");
      if (location === null || response.status < 300 || response.status > 399) return { url: url.href, ...response };
      url = new URL(location, url);
      next = {};
    }
    throw new Error(`more than ${maxRedirects} redirects from ${start}`);
  };

  return {
    open,
    submit: (page, fields, action = /./) => {
      const form = formsOf(page.html).find((each) => action.test(each.action));
      if (form === undefined) throw new Error(`no form with action ${action} on ${page.url}:\n${page.html}`);
      const body = new URLSearchParams({ ...form.hidden, ...fields });
      return open(new URL(form.action, page.url).href, { method: "POST", body, initiator: page.url });
    },
    fetch: async (start, options = {}) => {
      const url = new URL(start);
      const { status, headers, html } = await send(url, {
        ...options,
        headers: { cookie: cookieHeader(url), ...options.headers },
      });
      storeCookies(url, headers);
      return new Response(NULL_BODY_STATUS.has(status) ? null : html, { status, headers });
    },
    cookies: () => jar,
    deleteCookies: (host) => void jar.splice(0, jar.length, ...jar.filter((each) => each.host !== host)),
  };
}

function send(url: URL, { method = "GET", body, headers }: RequestOptions): Promise<Omit<Page, "url">> {
  return new Promise((resolve, reject) => {
    const type = body instanceof URLSearchParams ? { "content-type": "application/x-www-form-urlencoded" } : {};
    const sent = request(url, { method, headers: { ...type, ...headers } }, (response) => {
      const received = new Headers();
      for (const [name, values] of Object.entries(response.headersDistinct))
        for (const value of values ?? []) received.append(name, value);
      text(response).then((html) => resolve({ status: response.statusCode ?? 0, headers: received, html }), reject);
    });
    sent.on("error", reject);
    sent.end(body?.toString());
  });
}

function formsOf(html: string): { action: string; hidden: Record<string, string> }[] {
  return [...html.matchAll(/<form([^>]*)>(.*?)<\/form>/gs)].map(([, attributes = "", inner = ""]) => ({
    action: attribute(attributes, "action"),
    hidden: Object.fromEntries(
      [...inner.matchAll(/<input([^>]*)>/g)]
        .map(([, each = ""]) => each)
        .filter((each) => attribute(each, "type") === "hidden")
        .map((each) => [attribute(each, "name"), attribute(each, "value")]),
    ),
  }));
}

function attribute(tag: string, name: string): string {
  return new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1]?.replaceAll("&amp;", "&") ?? "";
}

function splitOnce(text: string, separator: string): [string, string] {
  const index = text.indexOf(separator);
  return index < 0 ? [text, ""] : [text.slice(0, index), text.slice(index + separator.length)];
}
