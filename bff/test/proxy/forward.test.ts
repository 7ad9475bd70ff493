// Forwarding of requests and responses below /api, and rejections before the upstream gets a request.
import { once } from "node:events";
import { connect } from "node:net";
import { beforeEach, describe, expect, test } from "vitest";
import { until } from "@cloakroom/testkit/until.ts";
import { GatewayError } from "../../src/errors.ts";
import {
  appRequest,
  BEARER,
  fetchApi,
  kept,
  sendRaw,
  startGateway,
  startRawUpstream,
  startUpstream,
  type TestGateway,
  type TestUpstream,
} from "./gateway.ts";

describe("an ordinary request", () => {
  let upstream: TestUpstream;
  let gateway: TestGateway;
  beforeEach(async () => {
    upstream = kept(await startUpstream());
    gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}/v1` }));
  });

  test("a request reaches the upstream with bearer, base path and unchanged query", async () => {
    const response = await sendRaw(gateway.port, appRequest(gateway, "GET /api/items/a%20b?x=%2e%2e/&y=a+b&&z"));
    expect(response.status).toBe(200);
    expect(response.body).toContain("ok");
    expect(upstream.arrived).toHaveLength(1);
    expect(upstream.arrived[0]!.url).toBe("/v1/items/a%20b?x=%2e%2e/&y=a+b&&z");
    expect(upstream.arrived[0]!.headers.authorization).toBe(`Bearer ${BEARER}`);
    expect(upstream.arrived[0]!.headers.host).toBe(new URL(upstream.origin).host);
  });

  test.each([
    ["/api", "/v1"],
    ["/api/", "/v1/"],
    ["/api?a=1", "/v1?a=1"],
  ])("maps the prefix itself: %s becomes %s", async (from, to) => {
    await fetchApi(gateway, from);
    expect(upstream.arrived[0]!.url).toBe(to);
  });

  test("a path that only shares its beginning with a prefix gets 404", async () => {
    await using_(await startGateway({ upstreams: `/api/orders=${upstream.origin}` }), async (narrow) => {
      for (const path of ["/api/orders2", "/api/Orders", "/api/order", "/api", "/api/x"]) {
        const response = await fetchApi(narrow, path);
        expect([path, response.status]).toEqual([path, 404]);
        expect(await response.json()).toMatchObject({ code: "not_found" });
      }
      expect(upstream.arrived).toHaveLength(0);
    });
  });

  test("the rules of a prefix cannot be bypassed by another case", async () => {
    const admin = kept(await startUpstream());
    await using_(
      await startGateway({ upstreams: `/api=${upstream.origin},/api/admin=${admin.origin}` }),
      async (gate) => {
        expect((await fetchApi(gate, "/api/ADMIN/users")).status).toBe(404);
        expect((await fetchApi(gate, "/api/admin/users")).status).toBe(200);
        expect((await fetchApi(gate, "/api/administrators")).status).toBe(200);
        expect(admin.arrived.map(({ url }) => url)).toEqual(["/users"]);
        expect(upstream.arrived.map(({ url }) => url)).toEqual(["/administrators"]);
      },
    );
  });

  test("a body keeps its Content-Length or its chunked encoding", async () => {
    await fetchApi(gateway, "/api/x", { method: "POST", body: "hello" });
    await sendRaw(
      gateway.port,
      appRequest(gateway, "POST /api/y", ["Transfer-Encoding: chunked"], "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
    );
    expect(
      upstream.arrived.map(({ body, headers }) => [body, headers["content-length"], headers["transfer-encoding"]]),
    ).toEqual([
      ["hello", "5", undefined],
      ["abcde", undefined, "chunked"],
    ]);
  });

  test("a trailer named Authorization is not merged and not forwarded", async () => {
    const chunks = "3\r\nabc\r\n0\r\nAuthorization: Bearer evil\r\nX-Late: 1\r\n\r\n";
    await sendRaw(
      gateway.port,
      appRequest(gateway, "POST /api/x", ["Transfer-Encoding: chunked", "Trailer: X-Late"], chunks),
    );
    expect(JSON.stringify(upstream.arrived[0])).not.toMatch(/evil|x-late/i);
  });

  test("an empty POST stays empty", async () => {
    await fetchApi(gateway, "/api/x", { method: "POST" });
    expect(upstream.arrived[0]).toMatchObject({ method: "POST", body: "" });
    expect(upstream.arrived[0]!.headers["content-length"]).toBe("0");
  });

  test("the gateway sends 100 Continue once a connection is available, and does not forward Expect", async () => {
    const socket = connect(gateway.port, "127.0.0.1");
    socket.write(appRequest(gateway, "POST /api/x", ["Expect: 100-continue", "Content-Length: 5"]));
    const [first] = (await once(socket, "data")) as [Buffer];
    expect(first.toString()).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    socket.write("hello");
    const [second] = (await once(socket, "data")) as [Buffer];
    expect(second.toString()).toMatch(/^HTTP\/1\.1 200/);
    expect(upstream.arrived[0]!.headers.expect).toBeUndefined();
    expect(upstream.arrived[0]!.body).toBe("hello");
    socket.destroy();
  });
});

async function using_<T extends { stop: () => unknown }>(part: T, act: (part: T) => Promise<void>): Promise<void> {
  try {
    await act(part);
  } finally {
    await part.stop();
  }
}

describe("rejections without an upstream request", () => {
  test("a method that the row does not allow gets 405 with Allow", async () => {
    const upstream = kept(await startUpstream());
    const gateway = kept(
      await startGateway({ upstreams: `/api=${upstream.origin}`, override: { methods: ["GET", "HEAD"] } }),
    );
    const response = await fetchApi(gateway, "/api/x", { method: "DELETE" });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET, HEAD");
    expect(upstream.arrived).toHaveLength(0);
  });

  test("an error of authorize is the response, with its reason in the log and no upstream request", async () => {
    const upstream = kept(await startUpstream());
    const authorize = async () => {
      throw new GatewayError("store_unavailable", { cause: new Error("redis secret"), retryAfterSeconds: 7 });
    };
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}`, authorize }));
    const response = await fetchApi(gateway, "/api/x");
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("7");
    expect(await response.text()).not.toContain("redis");
    expect(upstream.arrived).toHaveLength(0);
  });

  test("the response to a rejected large upload arrives before the connection is closed", async () => {
    const upstream = kept(await startUpstream());
    const authorize = async () => {
      throw new GatewayError("session_expired");
    };
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}`, authorize }));
    const body = "x".repeat(300_000);
    const response = await sendRaw(
      gateway.port,
      appRequest(gateway, "POST /api/x", [`Content-Length: ${body.length}`], body),
    );
    expect(response.status).toBe(401);
    expect(response.headers.get("connection")).toEqual(["close"]);
    expect(response.headers.get("www-authenticate")).toEqual(['Cloakroom realm="session"']);
    expect(JSON.parse(response.body)).toMatchObject({ code: "session_expired", loginUrl: "/bff/login" });
  });

  test("a Content-Length above maxBodyBytes gets 413 without an upstream request", async () => {
    const upstream = kept(await startUpstream());
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}`, override: { maxBodyBytes: 10 } }));
    const response = await fetchApi(gateway, "/api/x", { method: "POST", body: "12345678901" });
    expect(response.status).toBe(413);
    expect((await response.json()) as object).toMatchObject({ code: "payload_too_large" });
    expect(upstream.arrived).toHaveLength(0);
  });

  test("a chunked body is aborted at maxBodyBytes and gets 413", async () => {
    let isAborted = false;
    const upstream = kept(
      await startUpstream((request) => {
        request.on("aborted", () => (isAborted = true)).resume();
      }, false),
    );
    const gateway = kept(
      await startGateway({ upstreams: `/api=${upstream.origin}`, override: { maxBodyBytes: 100_000 } }),
    );
    const chunk = `10000\r\n${"x".repeat(65_536)}\r\n`;
    const response = await sendRaw(
      gateway.port,
      appRequest(gateway, "POST /api/x", ["Transfer-Encoding: chunked"], chunk.repeat(3)),
    );
    expect(response.status).toBe(413);
    await until("the upstream sees the request broken off", () => isAborted);
  });
});

describe("responses without a body", () => {
  test.each([
    ["HEAD", 200],
    ["GET", 204],
    ["GET", 304],
    ["DELETE", 205],
  ])("a %s response with status %i and no body keeps the process and the connection alive", async (method, status) => {
    const upstream = kept(
      await startUpstream((_request, response) => {
        response.writeHead(status, method === "HEAD" ? { "Content-Length": "1000", ETag: '"a"' } : { ETag: '"a"' });
        response.end();
      }),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    for (let round = 0; round < 3; round++) {
      const response = await sendRaw(gateway.port, appRequest(gateway, `${method} /api/x`));
      expect(response.status).toBe(status);
      expect(response.headers.get("etag")).toEqual(['"a"']);
      expect(response.body.replace("0\r\n\r\n", "")).toBe("");
      if (method === "HEAD") expect(response.headers.get("content-length")).toEqual(["1000"]);
      if (status === 204) expect(response.headers.has("content-length")).toBe(false);
    }
  });

  test("Range and Content-Range are forwarded", async () => {
    const upstream = kept(
      await startUpstream((request, response) => {
        expect(request.headers.range).toBe("bytes=2-4");
        response.writeHead(206, { "Content-Range": "bytes 2-4/10", "Content-Length": "3" }).end("cde");
      }),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const response = await fetchApi(gateway, "/api/x", { headers: { range: "bytes=2-4" } });
    expect([response.status, response.headers.get("content-range"), await response.text()]).toEqual([
      206,
      "bytes 2-4/10",
      "cde",
    ]);
  });

  test("early hints and trailers of the upstream are not forwarded", async () => {
    const upstream = kept(
      await startUpstream((_request, response) => {
        response.writeEarlyHints({ link: "</evil.js>; rel=preload; as=script" });
        response.writeHead(200, { Trailer: "X-Late" });
        response.addTrailers({ "X-Late": "1" });
        response.end("ok");
      }),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const response = await sendRaw(gateway.port, appRequest(gateway, "GET /api/x"));
    expect(response.raw).toMatch(/^HTTP\/1\.1 200/);
    expect(response.raw).not.toMatch(/evil|x-late/i);
  });

  test("a short chunked response in one packet arrives complete and in order", async () => {
    const bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n";
    const upstream = kept(await startRawUpstream((socket) => socket.write(bytes)));
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    for (let round = 0; round < 3; round++) expect(await (await fetchApi(gateway, "/api/x")).text()).toBe("onetwo");
  });

  test("a redirect is forwarded and not followed", async () => {
    const trap = kept(await startUpstream());
    const upstream = kept(
      await startUpstream((_request, response) => void response.writeHead(302, { Location: `${trap.origin}/x` }).end()),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const response = await fetchApi(gateway, "/api/x");
    expect(response.status).toBe(302);
    expect(response.headers.get("location")).toBeNull();
    expect(trap.arrived).toHaveLength(0);
  });
});
