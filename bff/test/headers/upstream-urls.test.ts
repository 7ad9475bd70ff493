// URL mapping in response headers: the Location of an upstream leads to the same public URL whether it honours all, some or
// none of the X-Forwarded-* headers.
import type { IncomingMessage } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { browserLinks } from "../../src/headers/link-header.ts";
import { createUrlMapper } from "../../src/headers/upstream-urls.ts";
import { createUpstreams } from "../../src/upstream/upstreams.ts";
import { parseUpstreams } from "../../src/config/upstreams.ts";
import { appRequest, kept, sendRaw, startGateway, startUpstream } from "../proxy/gateway.ts";
import type { TestGateway, TestUpstream } from "../proxy/gateway.ts";

/** The Location that a framework writes for the resource at `path`, a path of the upstream. */
type Framework = (path: string, request: IncomingMessage) => string;

const told = ({ headers }: IncomingMessage) => ({
  proto: String(headers["x-forwarded-proto"]),
  host: String(headers["x-forwarded-host"]),
  prefix: String(headers["x-forwarded-prefix"]),
  own: String(headers.host),
});

/** Stubs that follow the documentation or source of the named framework. */
const FRAMEWORKS: Readonly<Record<string, Framework>> = {
  "no framework: a path": (path) => path,
  "Node: an absolute URL made of Host": (path, r) => `http://${told(r).own}${path}`,
  "Spring ForwardedHeaderFilter, redirect below the context path": (path, r) =>
    `${told(r).proto}://${told(r).host}${told(r).prefix}${path}`,
  "Spring ForwardedHeaderFilter, redirect from the container's root": (path, r) =>
    `${told(r).proto}://${told(r).host}${path}`,
  "Spring HATEOAS, default port written out": (path, r) =>
    `${told(r).proto}://${told(r).host}${/:\d/.test(told(r).host) ? "" : ":443"}${told(r).prefix}${path}`,
  "Tomcat RemoteIpValve: scheme only": (path, r) => `${told(r).proto}://${told(r).own}${path}`,
  "uvicorn --proxy-headers: scheme only": (path, r) => `${told(r).proto}://${told(r).own}${path}`,
  "uvicorn --proxy-headers --root-path": (path, r) => `${told(r).proto}://${told(r).own}${told(r).prefix}${path}`,
  "uvicorn --root-path without proxy headers": (path, r) => `http://${told(r).own}${told(r).prefix}${path}`,
  "FastAPI behind host and root path": (path, r) => `${told(r).proto}://${told(r).host}${told(r).prefix}${path}`,
  "ASP.NET UsePathBase, LocalRedirect": (path, r) => told(r).prefix + path,
  "ASP.NET UsePathBase, CreatedAtAction": (path, r) => `${told(r).proto}://${told(r).host}${told(r).prefix}${path}`,
  "ASP.NET ForwardedHeaders without a path base": (path, r) => `${told(r).proto}://${told(r).host}${path}`,
  "Express 5 trust proxy, req.host": (path, r) => `${told(r).proto}://${told(r).host}${path}`,
  "Express 4 trust proxy, req.hostname without the port": (path, r) =>
    `${told(r).proto}://${told(r).host.split(":")[0]}${path}`,
  "Django USE_X_FORWARDED_HOST without SECURE_PROXY_SSL_HEADER": (path, r) => `http://${told(r).host}${path}`,
  "Django USE_X_FORWARDED_HOST with FORCE_SCRIPT_NAME": (path, r) =>
    `${told(r).proto}://${told(r).host}${told(r).prefix}${path}`,
  "Werkzeug ProxyFix x_prefix": (path, r) => `${told(r).prefix}${path}`,
  "Rails: scheme-relative": (path, r) => `//${told(r).host}${path}`,
  "scheme-relative with the prefix": (path, r) => `//${told(r).host}${told(r).prefix}${path}`,
  "a host in capitals": (path, r) => `${told(r).proto.toUpperCase()}://${told(r).host.toUpperCase()}${path}`,
  "a host with a final dot": (path, r) => `${told(r).proto}://${told(r).own.replace(/(?=:|$)/, ".")}${path}`,
};

const ORIGINS = ["https://app.test", "http://localhost:3000", "https://app.test:8443"];

describe.each([
  { base: "", prefix: "/api" },
  { base: "", prefix: "/api/orders" },
  { base: "/v1", prefix: "/api" },
  { base: "/api", prefix: "/api" },
  { base: "/api/v2", prefix: "/api" },
  { base: "/orders/api", prefix: "/api/orders" },
])("a row $prefix of an upstream at '$base'", ({ base, prefix }) => {
  let write: Framework = (path) => path;
  let upstream: TestUpstream;
  const gateways = new Map<string, TestGateway>();
  beforeAll(async () => {
    upstream = await startUpstream((request, response) => {
      const status = request.method === "POST" ? 201 : 307;
      response.writeHead(status, { Location: write(`${base}/items/7?a=%20b#c`, request) }).end();
    });
    for (const publicOrigin of ORIGINS)
      gateways.set(
        publicOrigin,
        await startGateway({ upstreams: `${prefix}=${upstream.origin}${base}`, publicOrigin }),
      );
  });
  afterAll(async () => {
    for (const gateway of gateways.values()) await gateway.stop();
    upstream.stop();
  });

  test.each(Object.entries(FRAMEWORKS))("the Location is mapped for %s", async (_name, framework) => {
    write = framework;
    for (const [publicOrigin, gateway] of gateways)
      for (const line of [`GET ${prefix}/items/7/`, `GET ${prefix}`, `POST ${prefix}/items`]) {
        const extra = line.startsWith("POST") ? ["Content-Length: 0"] : [];
        const { headers } = await sendRaw(gateway.port, appRequest(gateway, line, extra));
        const [location = "(none)"] = headers.get("location") ?? [];
        const { href } = new URL(location, publicOrigin);
        expect([line, href]).toEqual([line, `${publicOrigin}${prefix}/items/7?a=%20b#c`]);
        expect(location).not.toContain(new URL(upstream.origin).host);
      }
  });

  test("the Location is mapped for a framework that replaces its root path by the prefix", async () => {
    write = (_path, request) => `${told(request).proto}://${told(request).host}${told(request).prefix}/items/7`;
    for (const [publicOrigin, gateway] of gateways) {
      const { headers } = await sendRaw(gateway.port, appRequest(gateway, `GET ${prefix}/items`));
      expect(headers.get("location")).toEqual([`${publicOrigin}${prefix}/items/7`]);
    }
  });
});

const NO_LOG = { info: () => {}, warn: () => {} };
const TABLE = [
  "/api=http://api.internal:8000/v1",
  "/api/root=http://root.internal",
  "/api/secure=https://secure.internal",
  "/api/other=http://other.internal:9000/x",
].join(",");
const rows = createUpstreams(parseUpstreams(TABLE, undefined).upstreams, NO_LOG);
const rowOf = (prefix: string) => rows.find(({ config }) => config.prefix === prefix)!;
const mapUrl = createUrlMapper("https://app.test", rows);

describe("a reference", () => {
  const ours = (url: string) => ({ kind: "ours", url });
  const inner = { kind: "inner" };
  const foreign = { kind: "foreign", protocol: "https:" };

  test.each([
    ["http://api.internal:8000/v1/items/", ours("/api/items/")],
    ["https://api.internal:8000/v1/items/", ours("/api/items/")],
    ["http://API.Internal:8000/v1/x", ours("/api/x")],
    ["http://api.internal.:8000/v1/x", ours("/api/x")],
    ["http://user:password@api.internal:8000/v1/x", ours("/api/x")],
    ["//api.internal:8000/v1/x", ours("/api/x")],
    ["/v1/items/7?x=1#y", ours("/api/items/7?x=1#y")],
    ["7", ours("/api/items/7")],
    ["#part", ours("/api/items/#part")],
    ["?page=2", ours("/api/items/?page=2")],
    ["../up", ours("/api/up")],
    ["/v1", ours("/api")],
    ["/v1/caf\u00c3\u00a9", ours("/api/caf%C3%A9")],
    ["/v1/caf\u00e9", ours("/api/caf%E9")],
    ["/v2/x", inner],
    ["/v10/x", inner],
    ["http://api.internal:8000/admin", inner],
    ["http://api.internal:9999/v1/x", inner],
    ["http://api.internal/v1/x", inner],
    ["/api/items/7", ours("/api/items/7")],
    ["/api/v1/items/7", ours("/api/items/7")],
    ["/api", ours("/api")],
    ["/apis/x", inner],
    ["https://app.test/api/items/7", ours("https://app.test/api/items/7")],
    ["https://app.test:443/api/items/7", ours("https://app.test/api/items/7")],
    ["http://app.test/api/items/7", ours("https://app.test/api/items/7")],
    ["http://APP.test:80/v1/items/7", ours("https://app.test/api/items/7")],
    ["https://app.test/v1/items/7", ours("https://app.test/api/items/7")],
    ["https://app.test/api/v1/items/7", ours("https://app.test/api/items/7")],
    ["https://app.test/api/other/7", ours("https://app.test/api/other/7")],
    ["https://app.test/bff/login?returnTo=/x", inner],
    ["https://app.test/", inner],
    ["https://app.test:8443/api/x", foreign],
    ["http://other.internal:9000/x/7", ours("/api/other/7")],
    ["http://other.internal:9000/y", inner],
    ["http://root.internal/y", ours("/api/root/y")],
    ["https://root.internal:80/y", ours("/api/root/y")],
    ["http://root.internal:80//evil.test/", ours("/api/root//evil.test/")],
    ["http://secure.internal:443/y", ours("/api/secure/y")],
    ["https://secure.internal:443/y", ours("/api/secure/y")],
    ["http://orders:8000/x", inner],
    ["http://10.1.2.3/x", inner],
    ["http://2130706433/x", inner],
    ["http://[fd00::1]/x", inner],
    ["http://localhost:9000/x", inner],
    ["http://orders.shop.svc.cluster.local/x", inner],
    ["https://bucket.test/object", foreign],
    ["https://evil.test/", foreign],
    ["https://app.test.evil.test/api/x", foreign],
    ["https://app.test@evil.test/api/x", foreign],
    ["//evil.test/", { kind: "foreign", protocol: "http:" }],
    ["/\\evil.test/", { kind: "foreign", protocol: "http:" }],
    ["\\\\evil.test", { kind: "foreign", protocol: "http:" }],
    ["\t//evil.test", { kind: "foreign", protocol: "http:" }],
    ["javascript:alert(1)", { kind: "foreign", protocol: "javascript:" }],
    ["data:text/html,x", { kind: "foreign", protocol: "data:" }],
    ["http://[broken", { kind: "invalid" }],
    ["", { kind: "invalid" }],
  ])("the reference %s of /v1/items/ is %o", (reference, expected) => {
    expect(mapUrl(reference, { upstream: rowOf("/api"), upstreamTarget: "/v1/items/" })).toEqual(expected);
  });

  test("a reference below the prefix is the upstream's own folder if the request was for that folder", () => {
    const [root] = createUpstreams(parseUpstreams("/api=http://root.internal", undefined).upstreams, NO_LOG);
    const map = createUrlMapper("https://app.test", [root!]);
    const of = (reference: string, upstreamTarget: string) => map(reference, { upstream: root!, upstreamTarget });
    expect(of("/api/items/", "/api/items")).toEqual(ours("/api/api/items/"));
    expect(of("/api/api/items/", "/api/items")).toEqual(ours("/api/api/items/"));
    expect(of("/api/items/", "/items")).toEqual(ours("/api/items/"));
    expect(of("/apis/7", "/items")).toEqual(ours("/api/apis/7"));
  });
});

describe("Link", () => {
  const links = (value: string, upstreamTarget = "/v1/items?page=1") =>
    browserLinks(value, { upstream: rowOf("/api"), upstreamTarget }, mapUrl);
  test.each([
    ['</v1/items?page=2>; rel="next"', '</api/items?page=2>; rel="next"'],
    ["<http://api.internal:8000/v1/items?page=2>; rel=next", "</api/items?page=2>; rel=next"],
    ["<https://app.test/api/items?page=2>;rel=next", "<https://app.test/api/items?page=2>;rel=next"],
    ["<?page=2>; rel=next, <x>; rel=self", "<?page=2>; rel=next, <x>; rel=self"],
    ["<../up>; rel=up", undefined],
    ['</v1/a>; rel=a; title="x, <y>; z", </v1/b>; rel=b', '</api/a>; rel=a; title="x, <y>; z", </api/b>; rel=b'],
    ['</v1/a>; title="q\\"uoted"; rel=a', '</api/a>; title="q\\"uoted"; rel=a'],
    ["<http://orders:8000/x>; rel=next, </v1/b>; rel=b", "</api/b>; rel=b"],
    ["<http://api.internal:8000/admin>; rel=next", undefined],
    ['</v1/a>; anchor="http://api.internal:8000/v1/b"; rel=a', '</api/a>; anchor="/api/b"; rel=a'],
    ['</v1/a>; anchor="http://orders:8000/b"; rel=a', undefined],
    ["</v1/a>; anchor=http://10.0.0.1/b; rel=a", undefined],
    ["<https://docs.test/x>; rel=help", "<https://docs.test/x>; rel=help"],
    [
      '<http://schema.org/>; rel="http://www.w3.org/ns/json-ld#context"',
      '<http://schema.org/>; rel="http://www.w3.org/ns/json-ld#context"',
    ],
    ["<https://cdn.test/x.css>; rel=preload; as=style", undefined],
    ["<https://cdn.test>; rel=preconnect", undefined],
    ['<https://cdn.test/x>; rel="help prefetch"', undefined],
    ["</v1/x.css>; rel=preload", "</api/x.css>; rel=preload"],
    ["<javascript:alert(1)>; rel=next", undefined],
    ["<./up>; rel=up", "</api/up>; rel=up"],
    ['</v1/a>; rel="http://api.internal:8000/v1/rels/a"', '</api/a>; rel="/api/rels/a"'],
    ['</v1/a>; rel="http://api.internal:8000/rels/a"', undefined],
    ['</v1/a>; rel="a http://orders:8000/rels/a"; title=x, </v1/b>; rel=b', "</api/b>; rel=b"],
    ["</v1/a>; rel=a; profile=//orders:8000/p", undefined],
    ['</v1/a>; rel=a; title="see wss://orders:8000/x"', undefined],
    ['<https://cdn.test/x>; rel="pre\\load"', undefined],
    ["<ws://orders:8000/x>; rel=a", undefined],
    ["</v1/a>; rel=a garbage <http://orders:8000/x>", "</api/a>; rel=a"],
    ["http://orders:8000/x", undefined],
    ["</v1/a", undefined],
    ["", undefined],
  ])("the Link header %s becomes %s", (value, expected) => {
    expect(links(value)).toBe(expected);
  });

  test("a link relative to the root is mapped to an absolute path", () => {
    const asked = { upstream: rowOf("/api/root"), upstreamTarget: "/" };
    expect(browserLinks("<x>; rel=self", asked, mapUrl)).toBe("</api/root/x>; rel=self");
  });

  test.each([
    ["<", 30_000],
    ["<a>;", 10_000],
    [`<a>; b="\\`, 5_000],
    [" ", 30_000],
    ["<a>; x = ", 5_000],
  ])("a Link header of %j repeated is read in linear time", (piece, times) => {
    const startedAt = process.cpuUsage().user;
    links(piece.repeat(times));
    expect(process.cpuUsage().user - startedAt).toBeLessThan(2_000_000);
  });
});

describe("the gateway", () => {
  async function returned(headers: Record<string, string | string[]>, status = 200) {
    const upstream = kept(
      await startUpstream((request, response) => {
        const inner = `http://${request.headers.host}`;
        const fill = (value: string) => value.replaceAll("INNER", inner);
        const filled = Object.entries(headers).map(([name, value]) => [name, [value].flat().map(fill)] as const);
        response.writeHead(status, Object.fromEntries(filled)).end();
      }),
    );
    const gateway = kept(
      await startGateway({ upstreams: `/api=${upstream.origin}`, publicOrigin: "https://app.test" }),
    );
    const response = await sendRaw(gateway.port, appRequest(gateway, "GET /api/items"));
    expect(response.raw).not.toContain(new URL(upstream.origin).host);
    return response.headers;
  }

  test.each<[string, Record<string, string | string[]>, string, string[] | undefined]>([
    ["Content-Location", { "Content-Location": "INNER/items/7" }, "content-location", ["/api/items/7"]],
    ["a relative Content-Location", { "Content-Location": "items.json" }, "content-location", ["/api/items.json"]],
    ["a foreign Content-Location", { "Content-Location": "https://else.test/7" }, "content-location", undefined],
    ["Link", { Link: "<INNER/items?page=2>; rel=next" }, "link", ["</api/items?page=2>; rel=next"]],
    ["several Links", { Link: ["<INNER/a>; rel=a", "<b>; rel=b"] }, "link", ["</api/a>; rel=a", "<b>; rel=b"]],
    ["Operation-Location", { "Operation-Location": "INNER/operations/7" }, "operation-location", ["/api/operations/7"]],
    ["Azure-AsyncOperation", { "Azure-AsyncOperation": "INNER/o/7" }, "azure-asyncoperation", ["/api/o/7"]],
    [
      "a header of the API's own",
      { "X-Next": "HTTP://INNER/x?page=2".replace("HTTP://", "") },
      "x-next",
      ["/api/x?page=2"],
    ],
    [
      "Operation-Location twice",
      { "Operation-Location": ["INNER/o/7", "INNER/o/8"] },
      "operation-location",
      ["/api/o/7", "/api/o/8"],
    ],
    ["two values, one with an internal host", { "X-Next": ["http://orders:8000/x", "INNER/y"] }, "x-next", ["/api/y"]],
    ["a list of URLs", { "X-Pages": "INNER/a?x=1,2, INNER/b" }, "x-pages", ["/api/a?x=1,2, /api/b"]],
    ["a URL in JSON", { "X-Pagination": '{"next":"INNER/x?page=2"}' }, "x-pagination", ['{"next":"/api/x?page=2"}']],
    ["a URL in angle brackets", { URI: "<INNER/x>" }, "uri", ["</api/x>"]],
    ["a URL without a scheme", { "X-Next": "//orders:8000/x" }, "x-next", undefined],
    ["a WebSocket URL", { "X-Socket": "ws://orders:8000/x" }, "x-socket", undefined],
    ["an invalid URL", { "X-Next": "http://orders:99999/x" }, "x-next", undefined],
    ["a path with an empty segment", { "X-Path": "/a//b" }, "x-path", ["/a//b"]],
    [
      "a file's name",
      { "Content-Disposition": 'attachment; filename="a//b"' },
      "content-disposition",
      ['attachment; filename="a//b"'],
    ],
    ["a custom header with an internal host", { "X-Next": "http://orders:8000/x" }, "x-next", undefined],
    ["a custom header with a public host", { "X-Docs": "https://docs.test/x" }, "x-docs", ["https://docs.test/x"]],
    ["Refresh", { Refresh: "0; url=INNER/x" }, "refresh", undefined],
    ["SourceMap", { SourceMap: "INNER/x.map" }, "sourcemap", undefined],
    ["X-Pingback", { "X-Pingback": "INNER/xmlrpc" }, "x-pingback", undefined],
    ["Alt-Svc", { "Alt-Svc": 'h2="INNER"' }, "alt-svc", undefined],
    ["Report-To", { "Report-To": '{"endpoints":[{"url":"INNER/r"}]}' }, "report-to", undefined],
    ["Reporting-Endpoints", { "Reporting-Endpoints": 'a="INNER/r"' }, "reporting-endpoints", undefined],
    [
      "a challenge that names a URL",
      { "WWW-Authenticate": 'Bearer resource_metadata="INNER/x"' },
      "www-authenticate",
      undefined,
    ],
    ["X-Accel-Buffering: no", { "X-Accel-Buffering": "no" }, "x-accel-buffering", ["no"]],
    ["X-Accel-Buffering: yes", { "X-Accel-Buffering": "yes" }, "x-accel-buffering", ["yes"]],
    ["X-Accel-Buffering of another value", { "X-Accel-Buffering": "/secret" }, "x-accel-buffering", undefined],
    ["X-Accel-Redirect", { "X-Accel-Redirect": "/secret" }, "x-accel-redirect", undefined],
  ])("the gateway maps or removes URLs in response headers: %s", async (_name, headers, name, expected) => {
    expect((await returned(headers)).get(name)).toEqual(expected);
  });

  test.each([
    ["INNER/elsewhere", 302, ["/api/elsewhere"]],
    ["https://evil.test/", 302, undefined],
    ["//evil.test/", 307, undefined],
    ["https://bucket.test/object", 201, ["https://bucket.test/object"]],
    ["http://orders:8000/x", 201, undefined],
    ["javascript:alert(1)", 201, undefined],
    ["", 302, undefined],
  ])("the gateway maps or removes Location %s on %i", async (location, status, expected) => {
    expect((await returned({ Location: location }, status)).get("location")).toEqual(expected);
  });

  test("a duplicate Location is removed", async () => {
    expect((await returned({ Location: ["/a", "/b"] }, 302)).get("location")).toBeUndefined();
  });
});
