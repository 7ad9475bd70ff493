// Hostile requests to a mounted gateway get the response of the gateway's own server, in every server that it is mounted in.
import { mkdtempSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startHostileProvider, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { openStream } from "@cloakroom/testkit/open-stream.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { sendRaw, startUpstream, type RawResponse, type TestUpstream } from "../proxy/gateway.ts";
import { HOSTS, startHost, testConfiguration, type MountedHost } from "./hosts.ts";

let provider: HostileProvider;
let upstream: TestUpstream;
let own: TestGateway;
let ownCookie: string;

const rows = () => [
  { prefix: "/api", baseUrl: upstream.origin },
  { prefix: "/api/admin", baseUrl: upstream.origin, requiredRoles: ["admin"] },
  { prefix: "/hooks", baseUrl: upstream.origin, access: "public" as const, maxBodyBytes: 1_000 },
  { prefix: "/ws", baseUrl: upstream.origin, webSocket: true },
];
const sessionOf = (browser: TestBrowser) => `__Host-Http-session=${browser.cookies.get("__Host-Http-session")}`;

type Place = { host: string; origin: string; cookie: string };
const FETCH = ["X-CSRF: 1", "Sec-Fetch-Site: same-origin"];
const request = (line: string, fields: readonly string[], body = "") =>
  `${line} HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n${body}`;
const asked =
  (line: string, fields: readonly string[] = [], body = "") =>
  ({ host, cookie }: Place) =>
    request(line, [`Host: ${host}`, `Cookie: ${cookie}`, ...FETCH, ...fields], body);

/** Bytes of one connection, by title. */
const HOSTILE: Readonly<Record<string, (place: Place) => string>> = {
  "a forwarded request": asked("GET /api/x"),
  "a HEAD request": asked("HEAD /api/x"),
  "a request without X-CSRF": ({ host, cookie }) => request("GET /api/x", [`Host: ${host}`, `Cookie: ${cookie}`]),
  "a request of another site": ({ host, cookie }) =>
    request("GET /api/x", [`Host: ${host}`, `Cookie: ${cookie}`, "X-CSRF: 1", "Sec-Fetch-Site: cross-site"]),
  "another Origin": asked("POST /api/x", ["Origin: https://evil.example", "Content-Length: 0"]),
  "the session cookie twice": asked("GET /api/x", ["Cookie: __Host-Http-session=planted"]),
  "a session cookie in the value of another": ({ host }) =>
    request("GET /api/x", [`Host: ${host}`, "Cookie: a=__Host-Http-session=planted", ...FETCH]),
  "X-CSRF twice": asked("GET /api/x", ["X-CSRF: 1"]),
  "Sec-Fetch-Site twice": asked("GET /api/x", ["Sec-Fetch-Site: cross-site"]),
  "two Host headers": asked("GET /api/x", ["Host: evil.example"]),
  "another Host": ({ cookie }) => request("GET /api/x", ["Host: evil.example", `Cookie: ${cookie}`, ...FETCH]),
  "a Host with a trailing dot": ({ host, cookie }) =>
    request("GET /api/x", [`Host: ${host.replace(":", ".:")}`, `Cookie: ${cookie}`, ...FETCH]),
  "an absolute-form target": (place) => asked(`GET http://${place.host}/bff/user`)(place),
  "an absolute-form target of another host": asked("GET http://evil.example/api/x"),
  "a target that begins with two slashes": asked("GET //api/x"),
  "an encoded slash after a prefix": asked("GET /api%2fx"),
  "an encoded slash in a row": asked("GET /api/a%2fb"),
  "an encoded letter in a row": asked("GET /api/%61dmin/x"),
  "an encoded slash after /bff": asked("GET /bff%2fuser"),
  "a path parameter": asked("GET /bff;x/user"),
  "dot segments in a row": asked("GET /api/../bff/user"),
  "encoded dot segments in a row": asked("GET /api/%2e%2e/bff/user"),
  "a backslash in a row": asked("GET /api\\..\\x"),
  "more than a hundred headers": asked(
    "GET /api/x",
    Array.from({ length: 110 }, (_, at) => `X-${at}: 1`),
  ),
  "a header of more than 16 kB": asked("GET /api/x", [`X-Long: ${"a".repeat(17_000)}`]),
  "Expect: 100-continue of a request that is rejected": ({ host }) =>
    request("POST /api/x", [`Host: ${host}`, ...FETCH, "Expect: 100-continue", "Content-Length: 100000"]),
  "another Expect": asked("POST /api/x", ["Expect: 200-ok", "Content-Length: 0"]),
  "a body on GET": asked("GET /api/x", ["Content-Length: 2"], "{}"),
  "Content-Length and Transfer-Encoding": asked(
    "POST /api/x",
    ["Content-Length: 2", "Transfer-Encoding: chunked"],
    "0\r\n\r\n",
  ),
  "a Transfer-Encoding that is not chunked last": asked(
    "POST /api/x",
    ["Transfer-Encoding: chunked, gzip"],
    "0\r\n\r\n",
  ),
  "an upload above maxBodyBytes": asked("POST /hooks/x", ["Content-Length: 100000", "Connection: close"]),
  "HTTP/1.0": ({ host, cookie }) =>
    `GET /api/x HTTP/1.0\r\nHost: ${host}\r\nCookie: ${cookie}\r\n${FETCH.join("\r\n")}\r\n\r\n`,
  "an unknown method": asked("PROPFIND /api/x"),
  TRACE: asked("TRACE /api/x"),
  CONNECT: ({ host }) => request(`CONNECT ${host}`, [`Host: ${host}`]),
  "Upgrade to h2c": asked("GET /api/x", [
    "Connection: Upgrade, HTTP2-Settings",
    "Upgrade: h2c",
    "HTTP2-Settings: AAMAAABkAAQAAP__",
  ]),
  "a WebSocket handshake without Origin": asked("GET /ws/x", [
    ...["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"],
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ]),
  "a WebSocket handshake to a row without WebSockets": (place) =>
    asked("GET /api/x", [
      ...["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", `Origin: ${place.origin}`],
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ])(place),
  "bytes that are not HTTP": () => "GARBAGE\r\n\r\n",
};
/** Fastify responds to parser errors itself. */
const OF_THE_PARSER = /not HTTP$|16 kB|Transfer-Encoding/;

const essence = ({ status, headers, body }: RawResponse) => ({
  status,
  code: body.startsWith("{") ? (JSON.parse(body) as { code: string }).code : body,
  policy: headers.get("content-security-policy"),
  cookies: (headers.get("set-cookie") ?? []).map((line) => line.split(";", 1)[0]),
});

/** Whether a request tests the rules of session(): upgrades and expectations are the server's. */
function isOwnRouteCase(title: string, bytes: (place: Place) => string): boolean {
  const place = { host: "app.test", origin: "http://app.test", cookie: "" };
  return !/WebSocket|Expect/.test(title) && bytes(place).startsWith("GET /api/x ");
}

/** The tests, in some of the servers. */
export function describeHostileRequests(names: readonly string[]): void {
  beforeAll(async () => {
    provider = await startHostileProvider();
    upstream = await startUpstream((request, response) => {
      if (request.url === "/stream")
        response.writeHead(200, { "content-type": "text/event-stream" }).write("data: 1\n\n");
      else response.end("ok");
    });
    const sockets = new WebSocketServer({ server: upstream.server });
    sockets.on("connection", (socket) => socket.on("message", (data) => socket.send((data as Buffer).toString())));
    const file = join(mkdtempSync(join(tmpdir(), "cloakroom-")), "upstreams.json");
    writeFileSync(file, JSON.stringify(rows()));
    own = await startGateway({ ...provider, env: { UPSTREAMS_FILE: file } });
    const browser = testBrowser(own.origin);
    await browser.login();
    ownCookie = sessionOf(browser);
  });
  afterAll(async () => {
    await own.stop();
    upstream.stop();
    await provider.stop();
  });

  describe.each(Object.entries(HOSTS).filter(([name]) => names.includes(name)))("a gateway in %s", (name, start) => {
    let mounted: MountedHost;
    let browser: TestBrowser;
    beforeAll(async () => {
      mounted = await startHost({
        start,
        configuration: (origin) => testConfiguration(origin, provider, { upstreams: rows() }),
      });
      browser = testBrowser(mounted.origin);
      await browser.login();
    });
    afterAll(() => mounted.stop());
    const place = (): Place => ({ host: mounted.host, origin: mounted.origin, cookie: sessionOf(browser) });

    it.each(Object.entries(HOSTILE))("%s gets the response of the gateway's own server", async (title, bytes) => {
      const ownHost = new URL(own.origin).host;
      const expected = await sendRaw(
        Number(new URL(own.origin).port),
        bytes({ host: ownHost, origin: own.origin, cookie: ownCookie }),
      );
      const actual = await sendRaw(mounted.port, bytes(place()));
      if (name === "Fastify" && OF_THE_PARSER.test(title)) expect(actual.status).toBe(expected.status);
      else expect(essence(actual)).toEqual(essence(expected));
    });

    it.each(Object.entries(HOSTILE).filter(([title, bytes]) => isOwnRouteCase(title, bytes)))(
      "%s to an own route is rejected as by the gateway's own server",
      async (_title, bytes) => {
        const { host } = new URL(own.origin);
        const ofRow = bytes({ host, origin: own.origin, cookie: ownCookie });
        const expected = await sendRaw(Number(new URL(own.origin).port), ofRow);
        const actual = await sendRaw(mounted.port, bytes(place()).replace("/api/x", "/own/me"));
        if (expected.status < 400) expect(actual.status).toBe(200);
        else if (actual.body.startsWith("{") && "requestId" in JSON.parse(actual.body))
          expect(essence(actual)).toEqual(essence(expected));
        // A parser error, or a rule of the framework.
        else expect(actual.status).toBe(expected.status);
      },
    );

    it("pipelined requests get their responses in order", async () => {
      const paths = ["/api/1", "/bff/user", "/api/2"];
      const bytes = paths.map((path) => asked(`GET ${path}`, path === "/api/2" ? ["Connection: close"] : [])(place()));
      const raw = await readAll(mounted.port, bytes.join(""));
      expect(raw.match(/HTTP\/1\.1 200 /g)).toHaveLength(3);
      expect(raw.indexOf('"sub"')).toBeGreaterThan(raw.indexOf("ok"));
    });

    it("an upload that expects 100 Continue is continued once, when the upstream is ready", async () => {
      const head = asked("POST /api/x", ["Expect: 100-continue", "Content-Length: 2", "Connection: close"])(place());
      const raw = await readAll(mounted.port, head, (text) => (text.includes("100 Continue") ? "{}" : undefined));
      expect(raw.match(/100 Continue/g)).toHaveLength(1);
      expect(raw).toMatch(/HTTP\/1\.1 200 /);
      const ofHost = request("POST /page", [
        `Host: ${mounted.host}`,
        "Expect: 100-continue",
        "Content-Length: 2",
        "Connection: close",
      ]);
      expect(await readAll(mounted.port, ofHost, (text) => (text.includes("100 Continue") ? "{}" : undefined))).toMatch(
        /100 Continue[\s\S]*HTTP\/1\.1 [24]/,
      );
    });

    it("an aborted upload does not disturb the next request", async () => {
      const before = upstream.arrived.length;
      const socket = connect(mounted.port, "127.0.0.1");
      await new Promise<void>((resolve) => {
        const head = asked("POST /api/x", ["Content-Length: 1000"])(place());
        socket.write(`${head}partial`, () => resolve());
      });
      socket.destroy();
      expect((await browser.fetch("/api/x")).status).toBe(200);
      expect(upstream.arrived.slice(before).filter(({ method }) => method === "POST")).toEqual([]);
    });

    it("event streams of an upstream and of the gateway arrive, and end with the session", async () => {
      const one = testBrowser(mounted.origin);
      await one.login();
      const at = { origin: mounted.origin, config: { publicOrigin: mounted.origin } } as TestGateway;
      const streams = [
        await openStream(one, at, "/api/stream", { "x-csrf": "1" }),
        await openStream(one, at, "/bff/events"),
      ];
      for (const stream of streams) {
        expect(stream.status).toBe(200);
        await expect.poll(() => stream.text()).not.toBe("");
      }
      await one.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });
      for (const stream of streams) await expect.poll(() => stream.outcome()).toBeDefined();
    });

    it("a WebSocket of a row is forwarded, and one of the host is not", async () => {
      const { cookie, origin, host } = place();
      const open = (path: string) =>
        new Promise<string>((resolve) => {
          const socket = new WebSocket(`ws://127.0.0.1:${mounted.port}${path}`, { headers: { cookie, origin, host } });
          socket.on("open", () => socket.send("hello"));
          socket.on("message", (data) => {
            resolve((data as Buffer).toString());
            socket.close();
          });
          socket.on("unexpected-response", (_request, response) => resolve(String(response.statusCode)));
          socket.on("error", () => resolve("error"));
        });
      expect(await open("/ws/echo")).toBe("hello");
      expect(await open("/page")).not.toBe("hello");
    });
  });
}

/** @param more what to send once the text so far calls for it */
function readAll(
  port: number,
  bytes: string,
  more: (text: string) => string | undefined = () => undefined,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    let text = "";
    let isSent = false;
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      text += chunk;
      const next = isSent ? undefined : more(text);
      if (next === undefined) return;
      isSent = true;
      socket.write(next);
    });
    socket.on("close", () => resolve(text)).on("error", reject);
    socket.setTimeout(10_000, () => reject(new Error(`no end of the response: ${text}`)));
  });
}
