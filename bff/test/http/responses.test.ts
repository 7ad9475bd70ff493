import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:net";
import { once } from "node:events";
import type { Context, Next } from "koa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "@cloakroom/testkit/until.ts";
import { GatewayError } from "../../src/errors.ts";
import { escapeHtml } from "../../src/http/escape-html.ts";
import { requestState } from "../../src/http/request-state.ts";
import {
  appRequest,
  sendRaw,
  startGateway,
  startUpstream,
  type TestGateway,
  type TestUpstream,
} from "../proxy/gateway.ts";

let upstream: TestUpstream;
let gateway: TestGateway;
let spaRoot: string;
let hasReadHalf = false;

/** Routes that fail in different ways. */
async function routes(ctx: Context, next: Next): Promise<void> {
  const fail = (error: unknown) => {
    ctx.set("Set-Cookie", "__Host-Http-session=; Max-Age=0");
    ctx.set("ETag", '"half-made"');
    throw error;
  };
  switch (ctx.path) {
    case "/bff/login":
      requestState(ctx).returnPath = '/a?b="><script>alert(1)</script>';
      return fail(new GatewayError("provider_unavailable", { cause: new Error("canary-cause"), retryAfterSeconds: 3 }));
    case "/bff/callback":
      return fail(new GatewayError("login_failed", { reason: "state unknown" }));
    case "/bff/fault":
      return fail(new TypeError("canary-message"));
    case "/bff/outage":
      ctx.cookies.secure = true;
      ctx.cookies.set("__Host-Http-session", "", { httpOnly: true, maxAge: 0 });
      ctx.cookies.set("__Host-Http-login-1", "", { httpOnly: true, maxAge: 0 });
      throw new GatewayError("store_unavailable");
    case "/bff/http-error":
      return ctx.throw(400, "canary-expose");
    case "/bff/bare":
      ctx.status = 405;
      return;
    case "/bff/late":
      ctx.respond = false;
      ctx.res.writeHead(200);
      ctx.res.write("half");
      throw new Error("too late");
    case "/bff/half":
      ctx.req.once("data", () => {
        ctx.req.pause();
        hasReadHalf = true;
      });
      await until("the whole body has come", () => ctx.req.complete);
      throw new GatewayError("login_failed");
    case "/bff/user":
      ctx.body = { user: null };
      return;
  }
  await next();
}

beforeAll(async () => {
  spaRoot = mkdtempSync(join(tmpdir(), "spa-"));
  mkdirSync(join(spaRoot, "assets"));
  writeFileSync(join(spaRoot, "index.html"), "<!doctype html><title>app</title>");
  writeFileSync(join(spaRoot, "assets", "app-1234.js"), "let a;".repeat(1_000));
  upstream = await startUpstream((request, response) => {
    response.writeHead(Number(request.url?.slice(1)) || 200, { "X-Frame-Options": "ALLOWALL", "Set-Cookie": "a=b" });
    response.end();
  });
  gateway = await startGateway({
    upstreams: `/api=${upstream.origin}`,
    spaRoot,
    routes,
    publicOrigin: "https://app.test",
  });
});
afterAll(async () => {
  await gateway.stop();
  upstream.stop();
  rmSync(spaRoot, { recursive: true });
});

describe("security headers are on every response", () => {
  const own =
    (line: string, extra: string[] = []) =>
    () =>
      appRequest(gateway, line, extra);
  const rows: [name: string, bytes: () => string, status: number][] = [
    ["the app", own("GET /"), 200],
    ["a deep link", own("GET /profile"), 200],
    ["HEAD of the app", own("HEAD /"), 200],
    ["an asset", own("GET /assets/app-1234.js"), 200],
    ["a missing asset", own("GET /assets/none.js"), 404],
    ["a POST to the app", own("POST /", ["Content-Length: 0"]), 405],
    ["an API response", own("GET /api/200"), 200],
    ["an API 204", own("GET /api/204"), 204],
    ["an API 304", own("GET /api/304"), 304],
    ["an API 404", own("GET /api/404"), 404],
    ["an API 500", own("GET /api/500"), 500],
    ["an API HEAD", own("HEAD /api/200"), 200],
    ["a route", own("GET /bff/user"), 200],
    ["a route that fails", own("GET /bff/fault"), 500],
    ["a Koa error", own("GET /bff/http-error"), 400],
    ["an error status without a body", own("GET /bff/bare"), 405],
    ["an unknown route", own("GET /bff/none"), 404],
    ["an error page", own("GET /bff/login", ["Accept: text/html", "Sec-Fetch-Dest: document"]), 503],
    ["a rejected origin", () => `GET /api/x HTTP/1.1\r\nHost: ${gateway.host}\r\n\r\n`, 403],
    ["a rejected target", own("GET /api/../x"), 400],
    ["a wrong host", () => "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n", 421],
    ["bytes that are not HTTP", () => "what\r\n\r\n", 400],
    ["an oversized head", own("GET /", [`X: ${"a".repeat(20_000)}`]), 431],
    ["a WebSocket without a version", own("GET /api/x", ["Connection: upgrade", "Upgrade: websocket"]), 426],
  ];
  test.each(rows)("security headers are on the response: %s", async (_name, bytes, status) => {
    const { headers, status: got, raw } = await sendRaw(gateway.port, bytes());
    expect([got, raw.slice(0, 15)]).toEqual([status, expect.any(String)]);
    const once = (name: string) => {
      expect([name, headers.get(name)?.length]).toEqual([name, 1]);
      return headers.get(name)?.[0] ?? "";
    };
    expect(once("content-security-policy")).toMatch(/^default-src 'none'.*frame-ancestors 'none'/);
    expect(once("x-content-type-options")).toBe("nosniff");
    expect(once("cross-origin-resource-policy")).toBe("same-origin");
    if (once("content-security-policy").endsWith("; sandbox")) {
      // Sandboxed if opened as a page.
      expect(headers.get("content-type")?.[0] ?? "").not.toContain("html");
    } else {
      expect(once("referrer-policy")).toBe("same-origin");
      expect(once("cross-origin-opener-policy")).toBe("same-origin");
      expect(once("origin-agent-cluster")).toBe("?1");
      expect(once("permissions-policy")).toContain("camera=()");
    }
    expect(once("x-frame-options")).toBe("DENY");
    expect(once("strict-transport-security")).toBe("max-age=63072000; includeSubDomains");
    expect(once("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    expect(once("cache-control")).not.toBe("");
    expect(headers.has("x-powered-by") || headers.has("server")).toBe(false);
    if (headers.has("content-type")) expect(once("content-type")).toMatch(/charset=utf-8|javascript/);
  });

  test("Strict-Transport-Security is not sent over plain http", async () => {
    const plain = await startGateway({ spaRoot });
    expect((await sendRaw(plain.port, appRequest(plain, "GET /"))).headers.has("strict-transport-security")).toBe(
      false,
    );
    await plain.stop();
  });

  test("the Content-Security-Policy of the SPA is exact", async () => {
    const { headers } = await sendRaw(gateway.port, appRequest(gateway, "GET /"));
    expect(headers.get("content-security-policy")).toEqual([
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
        "media-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
        "require-trusted-types-for 'script'; trusted-types 'none'",
    ]);
  });
});

describe("error responses", () => {
  test("an error response keeps Set-Cookie, drops other headers and contains no cause", async () => {
    const response = await sendRaw(gateway.port, appRequest(gateway, "GET /bff/fault"));
    expect(response.status).toBe(500);
    expect(response.headers.get("content-type")).toEqual(["application/problem+json; charset=utf-8"]);
    expect(response.headers.get("set-cookie")).toEqual(["__Host-Http-session=; Max-Age=0"]);
    expect(response.headers.has("etag")).toBe(false);
    expect(response.headers.get("cache-control")).toEqual(["no-store"]);
    expect(response.raw).not.toContain("canary");
    const { requestId } = JSON.parse(response.body) as { requestId: string };
    expect(response.headers.get("x-request-id")).toEqual([requestId]);
    const logged = gateway.lines.filter((line) => line["requestId"] === requestId && line["msg"] === "request failed");
    expect(logged).toHaveLength(1);
    expect(logged[0]).toMatchObject({ code: "internal", error: expect.stringContaining("TypeError") });
  });

  test("I5: a 503 does not clear the session cookie", async () => {
    const response = await sendRaw(gateway.port, appRequest(gateway, "GET /bff/outage"));
    expect(response.status).toBe(503);
    expect(response.headers.get("set-cookie")).toEqual([expect.stringMatching(/^__Host-Http-login-1=;/)]);
  });

  test("a navigation gets an error page with links and escaped values (CVE-2021-32702)", async () => {
    const bytes = appRequest(gateway, "GET /bff/login", ["Accept: text/html", "Sec-Fetch-Dest: document"]);
    const response = await sendRaw(gateway.port, bytes);
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toEqual(["3"]);
    expect(response.headers.get("content-type")).toEqual(["text/html; charset=utf-8"]);
    expect(response.headers.get("content-security-policy")?.[0]).toMatch(/style-src 'sha256-[\w+/=]+'/);
    expect(response.body).toContain('href="/bff/login?returnTo=%2Fa%3Fb%3D%22%3E%3Cscript%3E');
    expect(response.body).not.toContain("<script");
    expect(response.body).not.toContain("canary");
    expect(response.body).toContain(response.headers.get("x-request-id")?.[0]);
  });

  test("a fetch of /bff/callback gets problem details (RFC 9457)", async () => {
    const response = await sendRaw(
      gateway.port,
      appRequest(gateway, "GET /bff/callback", ["Accept: application/json", "Sec-Fetch-Dest: empty"]),
    );
    expect(JSON.parse(response.body)).toMatchObject({
      type: "about:blank",
      title: "Bad Request",
      code: "login_failed",
    });
  });

  test("HEAD gets an error response without a body", async () => {
    const response = await sendRaw(gateway.port, appRequest(gateway, "HEAD /bff/fault"));
    expect([response.status, response.body]).toEqual([500, ""]);
    expect(Number(response.headers.get("content-length")?.[0])).toBeGreaterThan(0);
  });

  test("an error after the response head aborts the response", async () => {
    const socket = connect(gateway.port, "127.0.0.1").setEncoding("latin1");
    let raw = "";
    socket.on("data", (chunk: string) => (raw += chunk)).on("error", () => {});
    socket.write(appRequest(gateway, "GET /bff/late"));
    await once(socket, "close");
    expect(raw.match(/HTTP\/1\.1/g)?.length ?? 0).toBeLessThanOrEqual(1);
    expect(raw).not.toContain("\r\n0\r\n");
  });

  test("a partly read request body does not block the next request on the connection", async () => {
    const socket = connect(gateway.port, "127.0.0.1").setEncoding("latin1");
    let raw = "";
    socket.on("data", (chunk: string) => (raw += chunk));
    // The rest fills the request's buffer exactly: Node pauses the socket when the body is complete.
    const rest = 65_536;
    socket.write(appRequest(gateway, "POST /bff/half", [`Content-Length: ${rest + 10}`], "first ten."));
    await until("the route has read and stopped", () => hasReadHalf);
    socket.write("x".repeat(rest));
    await until("the rejection arrives", () => raw.includes("login_failed"));
    socket.write(appRequest(gateway, "GET /api/204"));
    await until("the next request gets its response", () => raw.includes("HTTP/1.1 204"));
    socket.destroy();
  });

  test("HTML in page values is escaped", () => {
    expect(escapeHtml(`<img src=x onerror='a' title="b">&`)).toBe(
      "&lt;img src=x onerror=&#39;a&#39; title=&quot;b&quot;&gt;&amp;",
    );
  });
});

describe("the request log line", () => {
  test("the line has path without query, status, duration, upstream and id, and no header values", async () => {
    await sendRaw(gateway.port, appRequest(gateway, "GET /api/200?code=canary-query", ["Cookie: a=canary-cookie"]));
    await until("the line is written", () => gateway.lines.some((line) => line["path"] === "/api/200"));
    const line = gateway.lines.findLast((one) => one["path"] === "/api/200");
    expect(line).toMatchObject({
      msg: "request",
      method: "GET",
      status: 200,
      upstream: "/api",
      clientAddress: "127.0.0.1",
      durationMs: expect.any(Number),
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(JSON.stringify(gateway.lines)).not.toMatch(/canary/);
  });

  test("a request id sent by the browser is ignored", async () => {
    const response = await sendRaw(gateway.port, appRequest(gateway, "GET /api/200", ["X-Request-Id: forged"]));
    expect(response.raw).not.toContain("forged");
    expect(upstream.arrived.at(-1)?.headers["x-request-id"]).toBe(response.headers.get("x-request-id")?.[0]);
  });
});
