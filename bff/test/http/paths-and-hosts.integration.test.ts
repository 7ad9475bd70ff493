// Tables for path routing, host matching and client addresses, tested on a running gateway.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sendRaw, startUpstream, type RawResponse, type TestUpstream } from "../proxy/gateway.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";

const CLIENT = { issuer: "https://id.test", clientId: "app", clientSecret: "a-client-secret-of-the-tests" };
const PAGE = "<!doctype html><title>app</title>";
const NAVIGATION = [
  "Sec-Fetch-Site: none",
  "Sec-Fetch-Mode: navigate",
  "Sec-Fetch-Dest: document",
  "Accept: text/html",
];
const OWN_FETCH = ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty", "X-CSRF: 1"];
const folder = mkdtempSync(join(tmpdir(), "cloakroom-paths-"));
writeFileSync(join(folder, "index.html"), PAGE);

let upstream: TestUpstream;
let gateway: TestGateway;
let host: string;
let port: number;

beforeAll(async () => {
  upstream = await startUpstream();
  const file = join(folder, "upstreams.json");
  const row = (prefix: string, path: string) => ({ prefix, baseUrl: `${upstream.origin}${path}`, token: "none" });
  writeFileSync(file, JSON.stringify([row("/api", "/all"), row("/api/v1", "/one")]));
  const env = { UPSTREAMS_FILE: file, SPA_ROOT: folder, TRUSTED_PROXIES: "127.0.0.0/8, 10.0.0.0/8, fd00::/8" };
  gateway = await startGateway({ ...CLIENT, env });
  ({ host } = new URL(gateway.origin));
  port = Number(new URL(gateway.origin).port);
});
afterAll(async () => {
  await gateway.stop();
  upstream.stop();
});

const ask = (line: string, headers: string[]): Promise<RawResponse> =>
  sendRaw(port, `${line} HTTP/1.1\r\nHost: ${host}\r\n${headers.join("\r\n")}\r\nConnection: close\r\n\r\n`);

describe("a path that only shares its beginning with /api or /bff is served by the SPA", () => {
  test.each([
    "/api-keys",
    "/apis",
    "/bff-settings",
    "/bffoo",
    "/API",
    "/api-keys/1?returnTo=/bff/user",
    "/apis/v1",
    "/api_v2",
    "/api.docs",
    "/api~",
    "/api@2",
    "/apiary//x",
    "/Api/protected",
    "/API/v1/x",
    "/BFF",
    "/BFF/user",
    "/BFF/logout",
    "/Bff/login",
    "/bff.html?x",
    "/bff-/login",
    "/x/api/y",
    "/x/bff/user",
    "/?/api/x",
    "/ap",
    "/bf",
  ])("the SPA serves %s, which only shares its beginning with /api or /bff", async (path) => {
    const arrived = upstream.arrived.length;
    for (const site of ["none", "cross-site", "same-site"]) {
      const response = await ask(`GET ${path}`, [`Sec-Fetch-Site: ${site}`, ...NAVIGATION.slice(1)]);
      expect([site, response.status, response.body]).toEqual([site, 200, PAGE]);
      expect(response.headers.get("content-security-policy")?.[0]).toContain("script-src 'self'");
    }
    expect((await ask(`POST ${path}`, [...NAVIGATION, "Content-Length: 0"])).status).toBe(405);
    expect(upstream.arrived.length).toBe(arrived);
  });
});

describe("a path below /api or /bff", () => {
  test.each([
    "/bff",
    "/bff/",
    "/bff?x",
    "/bff/user",
    "/bff/login/",
    "/bff/unknown",
    "/api",
    "/api/",
    "/api?x",
    "/api/x",
  ])("the path %s is protected against CSRF", async (path) => {
    expect((await ask(`GET ${path}`, NAVIGATION)).status).toBe(403);
  });

  test.each<[path: string, target: string | undefined]>([
    ["/api", "/all"],
    ["/api/", "/all/"],
    ["/api?a=/api/v1/x", "/all?a=/api/v1/x"],
    ["/api/v1", "/one"],
    ["/api/v1/", "/one/"],
    ["/api/v1?x=/api/v10", "/one?x=/api/v10"],
    ["/api/v1/v1", "/one/v1"],
    ["/api/v10", "/all/v10"],
    ["/api/v1-beta/x", "/all/v1-beta/x"],
    ["/api/v1.0", "/all/v1.0"],
    ["/api/x/v1", "/all/x/v1"],
    ["/api/api/v1", "/all/api/v1"],
    ["/api/V1/x", undefined],
  ])("the path %s reaches the upstream as %s", async (path, target) => {
    const arrived = upstream.arrived.length;
    expect((await ask(`GET ${path}`, OWN_FETCH)).status).toBe(target === undefined ? 404 : 200);
    expect(upstream.arrived.slice(arrived).map(({ url }) => url)).toEqual(target === undefined ? [] : [target]);
  });

  // Other parsers could normalize these paths to /api/… or /bff/…, so the rules of the gateway's own paths apply.
  test.each(["/api%2fx", "/api%5cx", "/api;x/y", "/api\\x", "/bff%2fuser", "/API/..;/x", "/api%2e"])(
    "the path %s is rejected as ambiguous",
    async (path) => {
      const arrived = upstream.arrived.length;
      expect((await ask(`GET ${path}`, NAVIGATION)).status).toBe(400);
      expect(upstream.arrived.length).toBe(arrived);
    },
  );
});

describe("the Host of the public origin", () => {
  type Row = [publicOrigin: string, same: string[], dotted: string[], other: string[]];
  const rows: Row[] = [
    [
      "https://app.example",
      ["app.example", "app.example:443", "APP.example", "App.Example:443", "app.example:", "app.example:0443"],
      ["app.example.", "APP.EXAMPLE.", "app.example.:443", "app.example.:"],
      [
        "app.example:80",
        "app.example:4430",
        "app.example:443:443",
        "app.example:+443",
        "app.example:4 43",
        "app.example:0x1bb",
        "app.example..",
        ".app.example",
        "app.example.evil.test",
        "evil.test",
        "evil.test:443",
        "xapp.example",
        "user@app.example",
        "app.example@evil.test",
        "app.example/",
        "app.example?x",
        "app.example#x",
        "app.example\\x",
        "https://app.example",
        "app%2eexample",
        "app.example, app.example",
        "app.example,evil.test",
        "app.example:443, evil.test",
        "[app.example]",
        "app.example.:80",
        "127.0.0.1",
        "localhost",
        "",
      ],
    ],
    ["https://app.example:8443", ["app.example:8443", "APP.EXAMPLE:8443"], ["app.example.:8443"], ["app.example"]],
    [
      "http://localhost",
      ["localhost", "localhost:80", "LOCALHOST", "localhost:"],
      ["localhost.", "localhost.:80"],
      ["evil.test", "localhost.evil.test", "app.localhost"],
    ],
    [
      "https://xn--mnchen-3ya.example",
      ["xn--mnchen-3ya.example", "XN--MNCHEN-3YA.example:443"],
      ["xn--mnchen-3ya.example."],
      ["m\u00fcnchen.example", "munchen.example", "m%C3%BCnchen.example"],
    ],
    [
      "http://[::1]:4000",
      ["[::1]:4000", "[0:0:0:0:0:0:0:1]:4000", "[0000::0001]:4000", "[::0:1]:4000"],
      [],
      ["[::2]:4000", "::1:4000", "[::1", "[::1].:4000", "[fe80::1%25eth0]:4000", "[::1:4000", "[v1.x]:4000"],
    ],
    [
      "https://[2001:db8::a]",
      ["[2001:db8::a]", "[2001:DB8::A]", "[2001:db8:0::a]:443", "[2001:0db8::000a]"],
      [],
      ["[2001:db8::b]", "[2001:db8::a]:80", "[2001:db8::a%25x]", "[::ffff:127.0.0.1]"],
    ],
    [
      "https://192.0.2.7",
      ["192.0.2.7", "192.0.2.7:443"],
      ["192.0.2.7."],
      ["192.0.2.07", "0xc0000207", "3221225991", "192.0.519", "[::ffff:192.0.2.7]"],
    ],
  ];

  describe.each(rows)("%s", (publicOrigin, same, dotted, other) => {
    let own: TestGateway;
    const send = (line: string, name: string, headers: string[] = []): Promise<RawResponse> => {
      const head = [`${line} HTTP/1.1`, `Host: ${name}`, ...headers, "Connection: close"].join("\r\n");
      return sendRaw(Number(new URL(own.origin).port), `${head}\r\n\r\n`);
    };
    beforeAll(async () => {
      own = await startGateway({ ...CLIENT, publicOrigin, env: { SPA_ROOT: folder } });
    });
    afterAll(() => own.stop());

    test.each(same)("Host: %j is the host of the public origin", async (name) => {
      expect((await send("GET /deep/page", name, NAVIGATION)).status).toBe(200);
      expect((await send("GET /bff/user", name, OWN_FETCH)).status).toBe(200);
    });

    test.each(dotted)("Host: %j is redirected for navigations and rejected for other requests", async (name) => {
      const response = await send("GET /users/jane.doe?a=b&c", name, NAVIGATION);
      expect([response.status, response.headers.get("location")]).toEqual([
        308,
        [`${publicOrigin}/users/jane.doe?a=b&c`],
      ]);
      expect(response.headers.has("set-cookie")).toBe(false);
      expect((await send("HEAD /", name, NAVIGATION)).status).toBe(308);
      expect((await send("GET /", name, ["Accept: text/html"])).status).toBe(308);
      expect((await send("GET /bff/user", name, OWN_FETCH)).status).toBe(421);
      expect((await send("GET /app.js", name, ["Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: script"])).status).toBe(421);
      expect((await send("GET /", name, ["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"])).status).toBe(421);
      expect((await send("GET /api/x", name, NAVIGATION)).status).toBe(421);
      expect((await send("POST /bff/logout", name, [...NAVIGATION, "Content-Length: 0"])).status).toBe(421);
      for (const target of ["//evil.test/", "/\\evil.test", "http://evil.test/"])
        expect((await send(`GET ${target}`, name, NAVIGATION)).status).toBe(400);
    });

    test.each(other)("Host: %j is another host: 421", async (name) => {
      const response = await send("GET /", name, NAVIGATION);
      expect([response.status, response.headers.has("location")]).toEqual([421, false]);
    });
  });

  test("Origin is compared exactly with its canonical form", async () => {
    const from = (origin: string) => ask("GET /bff/user", [`Origin: ${origin}`, "X-CSRF: 1"]);
    expect((await from(gateway.origin)).status).toBe(200);
    for (const origin of ["null", gateway.origin.toUpperCase(), `${gateway.origin}/`, `http://localhost.:${port}`])
      expect([origin, (await from(origin)).status]).toEqual([origin, 403]);
  });

  test("X-Forwarded-Host and Forwarded do not affect the host check", async () => {
    const headers = ["X-Forwarded-Host: evil.test", "Forwarded: for=203.0.113.9;host=evil.test"];
    expect((await ask("GET /", [...NAVIGATION, ...headers])).status).toBe(200);
    await ask("GET /api/x", [...OWN_FETCH, ...headers]);
    expect(upstream.arrived.at(-1)?.headers["x-forwarded-host"]).toBe(host);
    expect(upstream.arrived.at(-1)?.headers["x-forwarded-for"]).toBe("127.0.0.1");
  });
});

describe("the client address behind trusted proxies", () => {
  test.each<[forwarded: string | string[], address: string]>([
    ["203.0.113.7:51234", "203.0.113.7"],
    ["[2001:db8::1]:443", "2001:db8::1"],
    ["[2001:db8::1]", "2001:db8::1"],
    ["203.0.113.7", "203.0.113.7"],
    ["2001:db8::1", "2001:db8::1"],
    ["2001:DB8:0:0::1", "2001:db8::1"],
    ["::ffff:203.0.113.7", "203.0.113.7"],
    ["::ffff:cb00:7107", "203.0.113.7"],
    ["[::ffff:203.0.113.7]:51234", "203.0.113.7"],
    ["fe80::1%eth0", "fe80::1"],
    ["[fe80::1%25eth0]:443", "fe80::1"],
    ["1.2.3.4, 203.0.113.7:51234", "203.0.113.7"],
    ["1.2.3.4, 203.0.113.7:51234, 10.0.0.2:80", "203.0.113.7"],
    ["1.2.3.4,203.0.113.7,[fd00::2]:8080,10.0.0.2", "203.0.113.7"],
    ["1.2.3.4, ::ffff:10.0.0.2", "1.2.3.4"],
    [["1.2.3.4", "203.0.113.7:1, 10.0.0.2"], "203.0.113.7"],
    [["1.2.3.4, 203.0.113.7", "10.0.0.2:80", "10.0.0.3"], "203.0.113.7"],
    ["203.0.113.7, , 10.0.0.2", "203.0.113.7"],
    ["203.0.113.7 ,\t10.0.0.2,,", "203.0.113.7"],
    ["10.0.0.3, 10.0.0.2", "10.0.0.3"],
    ["", "127.0.0.1"],
    [",,,", "127.0.0.1"],
    ["unknown", "127.0.0.1"],
    ["1.2.3.4, unknown, 10.0.0.2", "10.0.0.2"],
    ["1.2.3.4, _hidden, 10.0.0.2", "10.0.0.2"],
    ["1.2.3.4, _hidden:443", "127.0.0.1"],
    ["1.2.3.4, unix:", "127.0.0.1"],
    ["proxy.example", "127.0.0.1"],
    ["203.0.113.7:", "127.0.0.1"],
    ["203.0.113.7:123456", "127.0.0.1"],
    ["203.0.113.7:80:80", "127.0.0.1"],
    ["203.0.113.07", "127.0.0.1"],
    ["203.0.113.256", "127.0.0.1"],
    ["[203.0.113.7]:80", "127.0.0.1"],
    ["[2001:db8::1", "127.0.0.1"],
    ["2001:db8::1]:443", "127.0.0.1"],
    ['"[2001:db8::1]:443"', "127.0.0.1"],
    ["for=203.0.113.7", "127.0.0.1"],
    ["203.0.113.7 10.0.0.2", "127.0.0.1"],
  ])("X-Forwarded-For: %j is %s", async (forwarded, address) => {
    const lines = [forwarded].flat().map((value) => `X-Forwarded-For: ${value}`);
    expect((await ask("GET /api/x", [...OWN_FETCH, ...lines])).status).toBe(200);
    expect(upstream.arrived.at(-1)?.headers["x-forwarded-for"]).toBe(address);
    const logged = gateway.log.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(logged.findLast(({ msg }) => msg === "request")?.["clientAddress"]).toBe(address);
  });
});
