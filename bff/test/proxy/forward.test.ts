import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { GatewayError } from "../../src/errors.ts";
import { requestBody } from "../../src/proxy/request-body.ts";
import {
  appRequest,
  BEARER,
  eventually,
  sendRaw,
  startGateway,
  startRawUpstream,
  startUpstream,
  type TestGateway,
  type TestUpstream,
} from "./gateway.ts";

const cleanups: (() => unknown)[] = [];
const kept = <T extends { stop: () => unknown }>(part: T): T => {
  cleanups.push(() => part.stop());
  return part;
};
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const OWN = { "x-csrf": "1", "sec-fetch-site": "same-origin" };

async function fetchApi(gateway: TestGateway, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${gateway.port}${path}`, {
    redirect: "manual",
    ...init,
    headers: { ...OWN, ...(init.headers as Record<string, string>) },
  });
}

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

describe("when something breaks", () => {
  test("a refused connection is 502, and heals when the upstream is back", async () => {
    const upstream = await startUpstream();
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    upstream.stop();
    const answer = await fetchApi(gateway, "/api/x");
    expect(answer.status).toBe(502);
    const text = await answer.text();
    expect(JSON.parse(text)).toMatchObject({ code: "upstream_unreachable" });
    expect(text).not.toContain(String(upstream.port));
    upstream.server.listen(upstream.port, "127.0.0.1");
    await once(upstream.server, "listening");
    expect((await fetchApi(gateway, "/api/x")).status).toBe(200);
    upstream.stop();
  });

  test("a refused connection during an upload is 502, not a reset", async () => {
    const upstream = await startUpstream();
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    upstream.stop();
    const body = "x".repeat(500_000);
    const answer = await sendRaw(
      gateway.port,
      appRequest(gateway, "POST /api/x", [`Content-Length: ${body.length}`], body),
    );
    expect(answer.status).toBe(502);
  });

  test("a connection whose small upload could not be delivered goes on with its next request", async () => {
    const dead = await startUpstream();
    const upstream = kept(await startUpstream());
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin},/api/dead=${dead.origin}` }));
    dead.stop();
    // More than a stream buffers.
    const body = "x".repeat(70_000);
    const socket = connect(gateway.port, "127.0.0.1").setEncoding("latin1");
    let raw = "";
    socket.on("data", (chunk: string) => (raw += chunk));
    for (let round = 1; round <= 3; round++) {
      socket.write(appRequest(gateway, "POST /api/dead", ["Content-Length: 70000"], body));
      socket.write(appRequest(gateway, "GET /api/alive"));
      await eventually(() => upstream.arrived.length === round, "the next request arrives");
    }
    await eventually(() => raw.match(/HTTP\/1\.1 502/g)?.length === 3, "every undelivered upload is told");
    socket.destroy();
  });

  test("a browser that stops sending in the middle of its upload is let go, with the upstream call", async () => {
    let isAborted = false;
    const server = createServer((request) => {
      requestBody(request, 1_000, 50)
        .on("error", () => (isAborted = true))
        .resume();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1").on("error", () => {});
    socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsome");
    await once(socket, "close");
    await eventually(() => isAborted, "the body is broken off");
    server.close();
  });

  test("an upstream that answers nothing in time is 504", async () => {
    const upstream = kept(await startUpstream(() => {}));
    const gateway = kept(
      await startGateway({ upstreams: `/api=${upstream.origin}`, override: { headersTimeoutMs: 100 } }),
    );
    const answer = await fetchApi(gateway, "/api/x");
    expect(answer.status).toBe(504);
    expect((await answer.json()) as object).toMatchObject({ code: "upstream_timeout" });
  });

  test("an upstream that closes without an answer is 502", async () => {
    const upstream = kept(await startRawUpstream((socket) => socket.destroy()));
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    expect((await fetchApi(gateway, "/api/x")).status).toBe(502);
  });

  test.each([
    ["with a length", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"],
    ["in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"],
    [
      "in chunks, not kept alive",
      "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
  ])("an answer cut in the middle, %s, never looks complete", async (_name, bytes) => {
    const upstream = kept(
      await startRawUpstream((socket) => {
        socket.write(bytes);
        setImmediate(() => socket.destroySoon());
      }),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const answer = await fetchApi(gateway, "/api/x")
      .then(
        (response) => response.text(),
        () => "cut",
      )
      .catch(() => "cut");
    expect(answer).toBe("cut");
    await eventually(() => gateway.lines.some((line) => line["msg"] === "request"), "the request is logged");
    expect(gateway.lines.find((line) => line["msg"] === "request")).toMatchObject({ code: "upstream_unreachable" });
  });

  test("silence in the middle of a body is cut when the upstream has a limit for it", async () => {
    const upstream = kept(await startUpstream((_request, response) => void response.writeHead(200).write("first")));
    const gateway = kept(
      await startGateway({ upstreams: `/api=${upstream.origin}`, override: { bodyIdleTimeoutMs: 100 } }),
    );
    const answer = await fetchApi(gateway, "/api/x");
    await expect(answer.text()).rejects.toThrow();
  });

  test("a browser that leaves aborts the upstream call, and the log says 499", async () => {
    let isClosed = false;
    const upstream = kept(
      await startUpstream((request) => {
        request.socket.on("close", () => (isClosed = true));
      }, false),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const socket = connect(gateway.port, "127.0.0.1");
    const asked = once(upstream.server, "request");
    socket.write(appRequest(gateway, "GET /api/slow"));
    await asked;
    socket.destroy();
    await eventually(() => isClosed, "the upstream call ends");
    await eventually(() => gateway.lines.some((line) => line["status"] === 499), "the log says 499");
    expect(gateway.lines.filter((line) => line["level"] === 50)).toEqual([]);
  });

  test("a browser that leaves in the middle of an upload aborts the upstream call", async () => {
    let isAborted = false;
    const upstream = kept(
      await startUpstream((request) => {
        request.on("aborted", () => (isAborted = true)).resume();
      }, false),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const socket = connect(gateway.port, "127.0.0.1");
    const asked = once(upstream.server, "request");
    socket.write(appRequest(gateway, "POST /api/slow", ["Content-Length: 1000"], "some"));
    await asked;
    socket.destroy();
    await eventually(() => isAborted, "the upstream call is broken off");
  });

  test("a browser that resets its connection in the middle of an answer disturbs nobody", async () => {
    const upstream = kept(await startUpstream((_request, response) => void response.writeHead(200).write("first")));
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const socket = connect(gateway.port, "127.0.0.1");
    socket.write(appRequest(gateway, "GET /api/slow"));
    await once(socket, "data");
    socket.resetAndDestroy();
    await eventually(() => gateway.lines.some((line) => line["status"] === 499), "the log says 499");
    expect(gateway.lines.filter((line) => line["level"] === 50)).toEqual([]);
  });

  test("while the gateway drains, answers say close and lose none of their headers", async () => {
    const upstream = kept(
      await startUpstream(
        (_request, response) => void response.appendHeader("Link", "<a>").appendHeader("Link", "<b>").end(),
      ),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    gateway.server.prependListener("request", (_request, response) => response.setHeader("Connection", "close"));
    const answer = await sendRaw(gateway.port, appRequest(gateway, "GET /api/x"));
    expect(answer.headers.get("connection")).toEqual(["close"]);
    expect(answer.headers.get("link")).toEqual(["<a>", "<b>"]);
    expect(answer.headers.get("content-security-policy")).toHaveLength(1);
    const refused = await sendRaw(gateway.port, appRequest(gateway, "GET /api/../x"));
    expect(refused.headers.get("connection")).toEqual(["close"]);
  });

  test("a browser that leaves while the session is being read costs the upstream nothing", async () => {
    const upstream = kept(await startUpstream());
    let go = () => {};
    const gate = new Promise<void>((resolve) => (go = resolve));
    let isAsked = false;
    const authorize = async () => {
      isAsked = true;
      await gate;
      return { accessToken: BEARER };
    };
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}`, authorize }));
    const socket = connect(gateway.port, "127.0.0.1");
    socket.write(appRequest(gateway, "GET /api/x"));
    await eventually(() => isAsked, "authorize is asked");
    socket.destroy();
    await eventually(() => gateway.lines.some((line) => line["status"] === 499), "the request is over");
    go();
    await fetchApi(gateway, "/api/y");
    expect(upstream.arrived.map(({ url }) => url)).toEqual(["/y"]);
  });

  test("an upstream's early answer to an upload is delivered, then the connection is closed", async () => {
    const upstream = kept(
      await startUpstream((_request, response) => {
        response.writeHead(413, { "Content-Length": "9" }).end("too large");
      }, false),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const body = "x".repeat(2_000_000);
    const answer = await sendRaw(gateway.port, appRequest(gateway, "POST /api/x", ["Content-Length: 100000000"], body));
    expect([answer.status, answer.body]).toEqual([413, "too large"]);
    expect(answer.headers.get("connection")).toEqual(["close"]);
  });
});

describe("upstreams that lie", () => {
  const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

  test.each([
    ["a second answer in the same packet", `${OK}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL`],
    ["more bytes than its length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokEVILEVIL"],
    ["a body on 204", "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"],
    ["a body on 304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nEVIL"],
  ])("%s never becomes part of another answer (GHSA-35p6, response queue poisoning)", async (_name, first) => {
    const upstream = kept(await startRawUpstream((socket, _head, count) => socket.write(count === 1 ? first : OK)));
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const victim = await fetchApi(gateway, "/api/1");
    expect(await victim.text()).not.toContain("EVIL");
    for (let round = 0; round < 5; round++) {
      const answer = await fetchApi(gateway, "/api/2");
      const text = await answer.text();
      expect(text).not.toContain("EVIL");
      if (answer.status === 200) expect(text).toBe("ok");
    }
  });

  test("an answer that nobody asked for, sent later, is thrown away with its connection", async () => {
    const upstream = kept(
      await startRawUpstream((socket, _head, count) => {
        socket.write(OK);
        if (count === 1) setImmediate(() => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"));
      }),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    await (await fetchApi(gateway, "/api/1")).text();
    for (let round = 0; round < 5; round++)
      expect(await (await fetchApi(gateway, "/api/2")).text()).not.toContain("EVIL");
  });

  test.each([
    ["a body on HEAD", "HEAD", `${OK}`],
    [
      "length and chunks at once",
      "GET",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["two lengths", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"],
    ["a length that is no number", "GET", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok"],
    ["no HTTP at all", "GET", "SSH-2.0-OpenSSH\r\n"],
    ["a head without an end", "GET", `HTTP/1.1 200 OK\r\nX: ${"a".repeat(70_000)}\r\n\r\n`],
    ["a switch of protocols", "GET", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
    ["an unknown status", "GET", "HTTP/1.1 42 What\r\n\r\n"],
    ["a control character in a header", "GET", "HTTP/1.1 200 OK\r\nX-A: a\x01b\r\nContent-Length: 2\r\n\r\nok"],
  ])("%s leaves the gateway alive and the next answer right", async (_name, method, bytes) => {
    const upstream = kept(
      await startRawUpstream((socket, _head, count) => socket.write(Buffer.from(count === 1 ? bytes : OK, "latin1"))),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const first = await fetchApi(gateway, "/api/1", { method });
    if (method === "GET") expect([200, 502]).toContain(first.status);
    await first.text();
    expect(await (await fetchApi(gateway, "/api/2")).text()).toBe("ok");
  });
});

describe("streaming", () => {
  test("an event stream's head and first event arrive before the second is sent", async () => {
    let sendEvent = (_text: string) => {};
    let isClosed = false;
    const upstream = kept(
      await startUpstream((_request, response) => {
        response.writeHead(200, { "Content-Type": "text/event-stream" });
        response.flushHeaders();
        sendEvent = (text) => void response.write(text);
        response.on("close", () => (isClosed = true));
      }),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const answer = await fetch(`http://127.0.0.1:${gateway.port}/api/events`, {
      headers: { accept: "text/event-stream", "sec-fetch-site": "same-origin" },
    });
    expect(answer.headers.get("content-type")).toBe("text/event-stream");
    const reader = answer.body!.getReader();
    sendEvent("data: one\n\n");
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("data: one\n\n");
    sendEvent("data: two\n\n");
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("data: two\n\n");
    await reader.cancel();
    await eventually(() => isClosed, "the upstream sees the browser leave");
  });

  const CHUNK = Buffer.alloc(65_536, "x");
  const TOTAL_BYTES = 200 * 1024 * 1024;

  test("200 MB come down in flat memory", async () => {
    const upstream = kept(
      await startUpstream((_request, response) => {
        let sentBytes = 0;
        const more = () => {
          while (sentBytes < TOTAL_BYTES) {
            sentBytes += CHUNK.length;
            if (!response.write(CHUNK)) return void response.once("drain", more);
          }
          response.end();
        };
        more();
      }),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const before = process.memoryUsage().rss;
    let peak = before;
    let receivedBytes = 0;
    const answer = await fetchApi(gateway, "/api/big");
    for await (const chunk of answer.body!) {
      receivedBytes += (chunk as Uint8Array).length;
      if (receivedBytes % (8 * 1024 * 1024) < CHUNK.length) peak = Math.max(peak, process.memoryUsage().rss);
    }
    expect(receivedBytes).toBe(TOTAL_BYTES);
    expect((peak - before) / 2 ** 20).toBeLessThan(100);
  });

  test("200 MB go up in flat memory", async () => {
    let receivedBytes = 0;
    const upstream = kept(
      await startUpstream((request, response) => {
        request.on("data", (chunk: Buffer) => (receivedBytes += chunk.length)).on("end", () => response.end("done"));
      }, false),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const before = process.memoryUsage().rss;
    const upload = httpRequest({
      port: gateway.port,
      path: "/api/big",
      method: "POST",
      headers: { ...OWN, host: gateway.host, "content-length": String(TOTAL_BYTES) },
    });
    let peak = before;
    const answered = once(upload, "response") as Promise<[IncomingMessage]>;
    for (let sentBytes = 0; sentBytes < TOTAL_BYTES; sentBytes += CHUNK.length) {
      if (!upload.write(CHUNK)) await once(upload, "drain");
      if (sentBytes % (8 * 1024 * 1024) === 0) peak = Math.max(peak, process.memoryUsage().rss);
    }
    upload.end();
    const [response] = await answered;
    response.resume();
    expect(response.statusCode).toBe(200);
    expect(receivedBytes).toBe(TOTAL_BYTES);
    expect((peak - before) / 2 ** 20).toBeLessThan(100);
  });

  test("a browser that does not read stops the upstream", async () => {
    let sentBytes = 0;
    const upstream = kept(
      await startUpstream((_request, response) => {
        const more = () => {
          while (sentBytes < TOTAL_BYTES) {
            sentBytes += CHUNK.length;
            if (!response.write(CHUNK)) return void response.once("drain", more);
          }
        };
        more();
      }),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const socket = connect(gateway.port, "127.0.0.1");
    socket.write(appRequest(gateway, "GET /api/big"));
    await once(socket, "readable");
    let last = -1;
    for (let quietTurns = 0; quietTurns < 200; quietTurns++) {
      if (sentBytes !== last) quietTurns = 0;
      last = sentBytes;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sentBytes).toBeLessThan(32 * 1024 * 1024);
    socket.destroy();
  });

  test("an upstream that does not read stops the browser", async () => {
    const upstream = kept(await startUpstream((request) => void request.pause(), false));
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const socket = connect(gateway.port, "127.0.0.1");
    socket.write(appRequest(gateway, "POST /api/big", [`Content-Length: ${TOTAL_BYTES}`]));
    let acceptedBytes = 0;
    let last = -1;
    const more = () => {
      while (acceptedBytes < TOTAL_BYTES) {
        acceptedBytes += CHUNK.length;
        if (!socket.write(CHUNK)) return void socket.once("drain", more);
      }
    };
    more();
    for (let quietTurns = 0; quietTurns < 200; quietTurns++) {
      if (acceptedBytes !== last) quietTurns = 0;
      last = acceptedBytes;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(acceptedBytes).toBeLessThan(32 * 1024 * 1024);
    socket.destroy();
  });
});
