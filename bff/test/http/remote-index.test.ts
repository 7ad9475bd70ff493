// SPA_URL: the page of an SPA on a CDN, fetched from a real server.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { createRemoteIndex, type RemoteIndex } from "../../src/http/remote-index.ts";

const PAGE = "<!doctype html><script src=https://cdn.example/app.js></script>";
type Respond = (request: IncomingMessage, response: ServerResponse) => void;

const stops: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

type Cdn = { origin: string; requests: IncomingMessage[]; respond: Respond; close: () => Promise<void> };

async function startCdn(respond: Respond): Promise<Cdn> {
  const cdn: Cdn = { origin: "", requests: [], respond, close: async () => {} };
  const server = createServer((request, response) => {
    cdn.requests.push(request);
    cdn.respond(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cdn.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  cdn.close = async () => {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  stops.push(cdn.close);
  return cdn;
}

const warnings: string[] = [];

function load(url: string, options: { revalidateMs?: number; timeoutMs?: number } = {}): RemoteIndex {
  warnings.length = 0;
  const log = { info() {}, warn: (message: string) => void warnings.push(message) };
  const index = createRemoteIndex({ url, log, revalidateMs: 20, ...options });
  stops.push(index.close);
  return index;
}

const html =
  (body: string, headers: Record<string, string> = {}): Respond =>
  (_request, response) =>
    response.writeHead(200, { "content-type": "text/html", ...headers }).end(body);

const pageOf = (index: RemoteIndex): string | undefined => index.page()?.body.toString();

test("the page is loaded, with a charset", async () => {
  const cdn = await startCdn(html(PAGE));
  const index = load(`${cdn.origin}/app/index.html`);
  expect(index.page()).toBeUndefined();
  await vi.waitFor(() => expect(pageOf(index)).toBe(PAGE));
  expect(index.page()).toMatchObject({ type: "text/html; charset=utf-8", cacheControl: "no-cache" });
  expect(index.check()).toBeUndefined();
  expect(cdn.requests[0]?.url).toBe("/app/index.html");
});

test.each([
  ["ETag", { etag: '"1"', "last-modified": "Mon, 30 Nov 2026 00:00:00 GMT" }, { "if-none-match": '"1"' }],
  [
    "Last-Modified",
    { "last-modified": "Mon, 30 Nov 2026 00:00:00 GMT" },
    { "if-modified-since": "Mon, 30 Nov 2026 00:00:00 GMT" },
  ],
])("the page is revalidated by %s, and 304 keeps it", async (_name, headers, expected) => {
  const cdn = await startCdn((request, response) => {
    if (request.headers["if-none-match"] ?? request.headers["if-modified-since"]) response.writeHead(304).end();
    else html(PAGE, headers)(request, response);
  });
  const index = load(cdn.origin);
  await vi.waitFor(() => expect(cdn.requests.length).toBeGreaterThan(3));
  const { "if-none-match": tag, "if-modified-since": since } = cdn.requests[2]?.headers ?? {};
  expect({ ...(tag && { "if-none-match": tag }), ...(since && { "if-modified-since": since }) }).toEqual(expected);
  expect(pageOf(index)).toBe(PAGE);
  expect(index.check()).toBeUndefined();
});

test("a new release replaces the page without a restart", async () => {
  const cdn = await startCdn(html(PAGE, { etag: '"1"' }));
  const index = load(cdn.origin);
  await vi.waitFor(() => expect(pageOf(index)).toBe(PAGE));
  const first = index.page()?.etag;
  cdn.respond = html("<!doctype html>two", { etag: '"2"' });
  await vi.waitFor(() => expect(pageOf(index)).toBe("<!doctype html>two"));
  expect(index.page()?.etag).not.toBe(first);
});

const large = "x".repeat(1_048_577);
const FAULTS: readonly (readonly [string, Respond, RegExp])[] = [
  ["status 500", (_, response) => response.writeHead(500).end(), /status 500/],
  ["status 404", (_, response) => response.writeHead(404, { "content-type": "text/html" }).end("<p>"), /status 404/],
  ["status 206", (_, response) => response.writeHead(206, { "content-type": "text/html" }).end("<p>"), /status 206/],
  ["304 without a validator", (_, response) => response.writeHead(304).end(), /status 304/],
  ["no content type", (_, response) => response.writeHead(200).end(PAGE), /not text\/html/],
  [
    "a bucket listing in XML",
    (_, response) => response.writeHead(200, { "content-type": "application/xml" }).end("<x/>"),
    /not text\/html/,
  ],
  ["a type that begins alike", html(PAGE, { "content-type": "text/html5" }), /not text\/html/],
  ["a compressed page", html(PAGE, { "content-encoding": "gzip" }), /compressed/],
  ["an empty page", html(""), /empty/],
  ["more than 1 MB", html(large), /1 MB/],
  [
    "more than 1 MB without a length",
    (_, response) => {
      response.writeHead(200, { "content-type": "text/html" });
      response.write(large);
      response.end();
    },
    /1 MB/,
  ],
  ["a redirect to itself", (_, response) => response.writeHead(302, { location: "/" }).end(), /more than 3 redirects/],
  ["a redirect without a location", (_, response) => response.writeHead(302).end(), /without a location/],
  [
    "a redirect to another scheme",
    (_, response) => response.writeHead(302, { location: "ftp://127.0.0.1/" }).end(),
    /redirect to ftp:/,
  ],
  ["a closed connection", (request) => request.socket.destroy(), /connection failed|no usable response/],
  [
    "a truncated page",
    (request, response) => {
      response.writeHead(200, { "content-type": "text/html", "content-length": "100" });
      response.write(PAGE);
      setTimeout(() => request.socket.destroy(), 5);
    },
    /connection failed|no usable response/,
  ],
  ["no response", () => {}, /in time/],
];

for (const [name, respond, reason] of FAULTS) {
  test(`${name}: no page, and readiness names SPA_URL and the reason`, async () => {
    const cdn = await startCdn(respond);
    const index = load(cdn.origin, { timeoutMs: 300 });
    await vi.waitFor(() => expect(index.check()).toMatch(reason));
    expect(index.check()).toMatch(/^SPA_URL cannot be loaded: .*\. Pages get 503$/);
    expect(index.page()).toBeUndefined();
    expect(index.retryAfterSeconds()).toBeGreaterThanOrEqual(1);
  });

  test(`${name} after the first page: the last page is served until the CDN has recovered`, async () => {
    const cdn = await startCdn(html(PAGE));
    const index = load(cdn.origin, { timeoutMs: 300 });
    await vi.waitFor(() => expect(pageOf(index)).toBe(PAGE));
    // Without validators a 304 is an error, with them it is not.
    cdn.respond = respond;
    await vi.waitFor(() => expect(index.check()).toMatch(/The last page that was loaded is served$/));
    expect(pageOf(index)).toBe(PAGE);
    cdn.respond = html("<!doctype html>two");
    await vi.waitFor(() => expect(pageOf(index)).toBe("<!doctype html>two"));
    expect(index.check()).toBeUndefined();
  });
}

test("a server that is down is reported with its code, and the page is loaded once it is up", async () => {
  const cdn = await startCdn(html(PAGE));
  const { port } = new URL(cdn.origin);
  await cdn.close();
  const index = load(cdn.origin);
  await vi.waitFor(() => expect(index.check()).toMatch(/refused \(ECONNREFUSED\)/));
  const server = createServer(html(PAGE)).listen(Number(port), "127.0.0.1");
  stops.push(() => void (server.closeAllConnections(), server.close()));
  await vi.waitFor(() => expect(pageOf(index)).toBe(PAGE), { timeout: 5_000 });
});

test("redirects are followed three times at most", async () => {
  const cdn = await startCdn((request, response) => {
    const step = Number(request.url?.slice(1));
    if (step < 3) response.writeHead(302, { location: `/${step + 1}` }).end();
    else html(PAGE)(request, response);
  });
  const index = load(`${cdn.origin}/0`);
  await vi.waitFor(() => expect(pageOf(index)).toBe(PAGE));
});

test.each([
  ['<script type="module" crossorigin src="/assets/index-1.js"></script>', "/assets/index-1.js"],
  ["<link rel=stylesheet href=assets/app.css>", "assets/app.css"],
  ["<script src='./app.mjs?v=1'></script>", "./app.mjs"],
  ['<script src="https://cdn.example/app.js"></script>', undefined],
  ['<script src="//cdn.example/app.js"></script>', undefined],
  ['<base href="https://cdn.example/"><script src="app.js"></script>', undefined],
  ['<link rel="icon" href="/favicon.svg"><script>1</script>', undefined],
])("readiness warns about files on the public origin: %s", async (markup, asset) => {
  const cdn = await startCdn(html(`<!doctype html>${markup}`));
  const index = load(cdn.origin);
  await vi.waitFor(() => expect(index.page()).toBeDefined());
  const sentence = index.check();
  if (asset === undefined) expect(sentence).toBeUndefined();
  else expect(sentence).toContain(`loads ${asset} from PUBLIC_ORIGIN`);
  expect(warnings.length).toBe(asset === undefined ? 0 : 1);
});

test("a page of many unclosed tags is read in no time (ReDoS)", async () => {
  const cdn = await startCdn(html("<script ".repeat(60_000)));
  const index = load(cdn.origin);
  const startMs = performance.now();
  await vi.waitFor(() => expect(index.page()).toBeDefined(), { timeout: 30_000 });
  expect(performance.now() - startMs).toBeLessThan(2_000);
  expect(index.check()).toBeUndefined();
}, 60_000);
