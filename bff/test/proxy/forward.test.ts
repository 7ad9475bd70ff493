// What crosses, and what is refused before an upstream is asked.
import { once } from "node:events";
import { connect } from "node:net";
import { beforeEach, describe, expect, test } from "vitest";
import { GatewayError } from "../../src/errors.ts";
import {
  appRequest,
  BEARER,
  eventually,
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

  test("reaches the upstream with the bearer, the base path and the query byte for byte", async () => {
    const answer = await sendRaw(gateway.port, appRequest(gateway, "GET /api/items/a%20b?x=%2e%2e/&y=a+b&&z"));
    expect(answer.status).toBe(200);
    expect(answer.body).toContain("ok");
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

  test("a path that only starts like a prefix is not found and goes nowhere", async () => {
    await using_(await startGateway({ upstreams: `/api/orders=${upstream.origin}` }), async (narrow) => {
      for (const path of ["/api/orders2", "/api/Orders", "/api/order", "/api", "/api/x"]) {
        const answer = await fetchApi(narrow, path);
        expect([path, answer.status]).toEqual([path, 404]);
        expect(await answer.json()).toMatchObject({ code: "not_found" });
      }
      expect(upstream.arrived).toHaveLength(0);
    });
  });

  test("a prefix with rules of its own is not escaped by spelling it in another case", async () => {
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

  test("a body arrives whole, with its length; a chunked one arrives in chunks", async () => {
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

  test("Expect: 100-continue is answered here once the body is wanted, and never forwarded", async () => {
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

describe("refusals before the upstream is asked", () => {
  test("a method that the upstream does not allow is 405 with Allow", async () => {
    const upstream = kept(await startUpstream());
    const gateway = kept(
      await startGateway({ upstreams: `/api=${upstream.origin}`, override: { methods: ["GET", "HEAD"] } }),
    );
    const answer = await fetchApi(gateway, "/api/x", { method: "DELETE" });
    expect(answer.status).toBe(405);
    expect(answer.headers.get("allow")).toBe("GET, HEAD");
    expect(upstream.arrived).toHaveLength(0);
  });

  test("what authorize throws is the answer, with its reason and no upstream call", async () => {
    const upstream = kept(await startUpstream());
    const authorize = async () => {
      throw new GatewayError("store_unavailable", { cause: new Error("redis secret"), retryAfterSeconds: 7 });
    };
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}`, authorize }));
    const answer = await fetchApi(gateway, "/api/x");
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("7");
    expect(await answer.text()).not.toContain("redis");
    expect(upstream.arrived).toHaveLength(0);
  });

  test("a large upload that is refused still shows its answer, and the connection is closed", async () => {
    const upstream = kept(await startUpstream());
    const authorize = async () => {
      throw new GatewayError("session_expired");
    };
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}`, authorize }));
    const body = "x".repeat(300_000);
    const answer = await sendRaw(
      gateway.port,
      appRequest(gateway, "POST /api/x", [`Content-Length: ${body.length}`], body),
    );
    expect(answer.status).toBe(401);
    expect(answer.headers.get("connection")).toEqual(["close"]);
    expect(answer.headers.get("www-authenticate")).toEqual(['Cloakroom realm="session"']);
    expect(JSON.parse(answer.body)).toMatchObject({ code: "session_expired", loginUrl: "/bff/login" });
  });

  test("a declared body above the limit is 413 at once", async () => {
    const upstream = kept(await startUpstream());
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}`, override: { maxBodyBytes: 10 } }));
    const answer = await fetchApi(gateway, "/api/x", { method: "POST", body: "12345678901" });
    expect(answer.status).toBe(413);
    expect((await answer.json()) as object).toMatchObject({ code: "payload_too_large" });
    expect(upstream.arrived).toHaveLength(0);
  });

  test("a chunked body is counted on its way, cut at the limit, and answered with 413", async () => {
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
    const answer = await sendRaw(
      gateway.port,
      appRequest(gateway, "POST /api/x", ["Transfer-Encoding: chunked"], chunk.repeat(3)),
    );
    expect(answer.status).toBe(413);
    await eventually(() => isAborted, "the upstream sees the request broken off");
  });
});

describe("answers without a body", () => {
  test.each([
    ["HEAD", 200],
    ["GET", 204],
    ["GET", 304],
    ["DELETE", 205],
  ])("%s %i keeps the process and the connection alive", async (method, status) => {
    const upstream = kept(
      await startUpstream((_request, response) => {
        response.writeHead(status, method === "HEAD" ? { "Content-Length": "1000", ETag: '"a"' } : { ETag: '"a"' });
        response.end();
      }),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    for (let round = 0; round < 3; round++) {
      const answer = await sendRaw(gateway.port, appRequest(gateway, `${method} /api/x`));
      expect(answer.status).toBe(status);
      expect(answer.headers.get("etag")).toEqual(['"a"']);
      expect(answer.body.replace("0\r\n\r\n", "")).toBe("");
      if (method === "HEAD") expect(answer.headers.get("content-length")).toEqual(["1000"]);
      if (status === 204) expect(answer.headers.has("content-length")).toBe(false);
    }
  });

  test("a range passes both ways", async () => {
    const upstream = kept(
      await startUpstream((request, response) => {
        expect(request.headers.range).toBe("bytes=2-4");
        response.writeHead(206, { "Content-Range": "bytes 2-4/10", "Content-Length": "3" }).end("cde");
      }),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const answer = await fetchApi(gateway, "/api/x", { headers: { range: "bytes=2-4" } });
    expect([answer.status, answer.headers.get("content-range"), await answer.text()]).toEqual([
      206,
      "bytes 2-4/10",
      "cde",
    ]);
  });

  test("early hints and trailers of the upstream are dropped", async () => {
    const upstream = kept(
      await startUpstream((_request, response) => {
        response.writeEarlyHints({ link: "</evil.js>; rel=preload; as=script" });
        response.writeHead(200, { Trailer: "X-Late" });
        response.addTrailers({ "X-Late": "1" });
        response.end("ok");
      }),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const answer = await sendRaw(gateway.port, appRequest(gateway, "GET /api/x"));
    expect(answer.raw).toMatch(/^HTTP\/1\.1 200/);
    expect(answer.raw).not.toMatch(/evil|x-late/i);
  });

  test("a short answer in chunks, all in one packet, arrives whole and in order", async () => {
    const bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n";
    const upstream = kept(await startRawUpstream((socket) => socket.write(bytes)));
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    for (let round = 0; round < 3; round++) expect(await (await fetchApi(gateway, "/api/x")).text()).toBe("onetwo");
  });

  test("a redirect is handed over and not followed with the bearer", async () => {
    const trap = kept(await startUpstream());
    const upstream = kept(
      await startUpstream((_request, response) => void response.writeHead(302, { Location: `${trap.origin}/x` }).end()),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const answer = await fetchApi(gateway, "/api/x");
    expect(answer.status).toBe(302);
    expect(answer.headers.get("location")).toBeNull();
    expect(trap.arrived).toHaveLength(0);
  });
});
