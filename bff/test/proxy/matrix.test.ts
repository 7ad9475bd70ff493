// What else crosses, at every stage of a request, and what may come from an upstream at any time.
import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { exchange } from "../../src/proxy/exchange.ts";
import { closeUpstreams, createUpstreams } from "../../src/upstream/upstreams.ts";
import { parseUpstreams } from "../../src/config/upstreams.ts";
import {
  appRequest,
  eventually,
  fetchApi,
  kept,
  OWN,
  sendRaw,
  startGateway,
  startRawUpstream,
  startUpstream,
} from "./gateway.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

describe("what crosses", () => {
  test.each(["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])("%s, with a body and without", async (method) => {
    const upstream = kept(await startUpstream());
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    expect((await sendRaw(gateway.port, appRequest(gateway, `${method} /api/1`))).status).toBe(200);
    const withBody = appRequest(gateway, `${method} /api/2`, ["Content-Length: 3"], "abc");
    expect((await sendRaw(gateway.port, withBody)).status).toBe(200);
    expect(upstream.arrived.map((each) => [each.method, each.url, each.body])).toEqual([
      [method, "/1", ""],
      [method, "/2", "abc"],
    ]);
  });

  test.each(["GET", "HEAD"])(
    "%s without a body; one with a body is refused, as servers read it differently",
    async (method) => {
      const upstream = kept(await startUpstream());
      const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
      expect((await sendRaw(gateway.port, appRequest(gateway, `${method} /api/1`))).status).toBe(200);
      const withBody = appRequest(gateway, `${method} /api/2`, ["Content-Length: 3"], "abc");
      expect((await sendRaw(gateway.port, withBody)).status).toBe(400);
      expect(upstream.arrived.map((each) => [each.method, each.url])).toEqual([[method, "/1"]]);
    },
  );

  test.each<[string, Record<string, string>, number]>([
    ["If-None-Match that matches", { "if-none-match": '"v1"' }, 304],
    ["If-None-Match that does not", { "if-none-match": '"v0"' }, 200],
    ["If-Match that does not", { "if-match": '"v0"' }, 412],
    ["If-Range with a range", { "if-range": '"v1"', range: "bytes=0-1" }, 206],
  ])("a conditional request: %s", async (_name, headers, status) => {
    const upstream = kept(
      await startUpstream((request, response) => {
        const { "if-none-match": none, "if-match": match, "if-range": range } = request.headers;
        const answer = none === '"v1"' ? 304 : match === '"v0"' ? 412 : range === '"v1"' ? 206 : 200;
        response.writeHead(answer, { ETag: '"v1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT" }).end();
      }),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const answer = await fetchApi(gateway, "/api/x", { headers });
    expect([answer.status, answer.headers.get("etag")]).toEqual([status, '"v1"']);
    for (const [name, value] of Object.entries(headers)) expect(upstream.arrived[0]!.headers[name]).toBe(value);
  });

  test("headers that the row adds, in place of the browser's", async () => {
    const upstream = kept(await startUpstream());
    const added = new Map([
      ["x-tenant", "acme"],
      ["accept", "application/json"],
    ]);
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}`, override: { headers: added } }));
    await sendRaw(
      gateway.port,
      appRequest(gateway, "GET /api/x", ["X-Tenant: evil", "Accept: text/html", "Connection: x-tenant"]),
    );
    const { headers, rawHeaders } = upstream.arrived[0]!;
    expect(headers).toMatchObject({ "x-tenant": "acme", accept: "application/json" });
    expect(rawHeaders.filter((name) => name.toLowerCase() === "x-tenant")).toHaveLength(1);
  });

  test("a compressed bomb, untouched", async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    const upstream = kept(
      await startUpstream((_request, response) => {
        response.writeHead(200, { "Content-Encoding": "gzip", "Content-Length": bomb.length }).end(bomb);
      }),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const answer = await sendRaw(gateway.port, appRequest(gateway, "GET /api/x", ["Accept-Encoding: gzip"]));
    expect(answer.headers.get("content-encoding")).toEqual(["gzip"]);
    expect(Buffer.from(answer.body, "latin1").equals(bomb)).toBe(true);
  });
});

describe("an expectation", () => {
  test("that nobody knows is 417, and the upstream is not asked", async () => {
    const upstream = kept(await startUpstream());
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const answer = await sendRaw(gateway.port, appRequest(gateway, "GET /api/x", ["Expect: 200-ok"]));
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(upstream.arrived).toHaveLength(0);
  });

  test("of a go-ahead is not met while the request waits, or where it gets no place", async () => {
    const upstream = kept(await startUpstream(() => {}));
    const override = { maxConnections: 1, maxQueued: 0 };
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}`, override }));
    const first = connect(gateway.port, "127.0.0.1");
    first.write(appRequest(gateway, "GET /api/slow"));
    await eventually(() => upstream.arrived.length === 1, "the only connection is taken");
    const expecting = ["Expect: 100-continue", "Content-Length: 5"];
    const answer = await sendRaw(gateway.port, appRequest(gateway, "POST /api/x", expecting));
    expect(answer.raw).toMatch(/^HTTP\/1\.1 503/);
    expect(answer.headers.get("connection")).toEqual(["close"]);
    first.destroy();
  });
});

describe("interim answers", () => {
  const HINT = "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n";

  test("by the dozen end with the real one, and none crosses", async () => {
    const upstream = kept(await startRawUpstream((socket) => socket.write(HINT.repeat(50) + OK)));
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const answer = await sendRaw(gateway.port, appRequest(gateway, "GET /api/x"));
    expect([answer.status, answer.body]).toEqual([200, "ok"]);
    expect(answer.raw).not.toContain("103");
  });

  test.each([
    ["103", HINT],
    ["102", "HTTP/1.1 102 Processing\r\n\r\n"],
    ["100", "HTTP/1.1 100 Continue\r\n\r\n"],
  ])("%s without end are given up in time: 502 or 504", async (_name, interim) => {
    const storms = new Set<NodeJS.Timeout>();
    const upstream = kept(
      await startRawUpstream((socket) => {
        const storm = setInterval(() => socket.write(interim), 10);
        storms.add(storm);
        socket.on("close", () => clearInterval(storm));
      }),
    );
    const gateway = kept(
      await startGateway({ upstreams: `/api=${upstream.origin}`, override: { headersTimeoutMs: 300 } }),
    );
    const answer = await fetchApi(gateway, "/api/x", { signal: AbortSignal.timeout(10_000) });
    expect([502, 504]).toContain(answer.status);
    for (const storm of storms) clearInterval(storm);
  });
});

describe("a head that never ends", () => {
  test("but comes slowly, is given up in time", async () => {
    const upstream = kept(
      await startRawUpstream((socket) => {
        socket.write("HTTP/1.1 200 OK\r\n");
        const drip = setInterval(() => socket.write("X-A: b\r\n"), 10);
        socket.on("close", () => clearInterval(drip));
      }),
    );
    const gateway = kept(
      await startGateway({ upstreams: `/api=${upstream.origin}`, override: { headersTimeoutMs: 300 } }),
    );
    const answer = await fetchApi(gateway, "/api/x", { signal: AbortSignal.timeout(10_000) });
    expect([502, 504]).toContain(answer.status);
  });
});

describe("an upstream that answers an upload early", () => {
  test.each([
    ["401 and reads on", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno", false],
    ["413 and closes", "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno", true],
    ["200 and closes", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno", true],
  ])("with %s is heard, and the next request is not", async (_name, bytes, closes) => {
    const seen: string[] = [];
    const upstream = kept(
      await startRawUpstream((socket, head) => {
        seen.push(head.slice(0, 12));
        if (!head.startsWith("POST")) return void socket.write(OK);
        if (closes) socket.end(bytes);
        else socket.write(bytes);
      }),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const upload = appRequest(gateway, "POST /api/x", ["Content-Length: 50000000"], "x".repeat(1_000_000));
    const answer = await sendRaw(gateway.port, upload);
    expect([answer.status, answer.body]).toEqual([Number(bytes.slice(9, 12)), "no"]);
    expect(answer.headers.get("connection")).toEqual(["close"]);
    for (let round = 0; round < 3; round++) expect(await (await fetchApi(gateway, "/api/y")).text()).toBe("ok");
  });
});

describe("a browser that leaves", () => {
  test("while the upstream is being connected to costs nobody anything", async () => {
    // Accepts nothing: the connection stays in the making until it is given up.
    const upstream = kept(await startRawUpstream(() => {}));
    const override = { connectTimeoutMs: 60_000, tls: {}, baseUrls: [upstream.origin.replace("http:", "https:")] };
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}`, override }));
    const socket = connect(gateway.port, "127.0.0.1");
    socket.write(appRequest(gateway, "GET /api/x"));
    await eventually(() => upstream.connections() === 1, "the connection is begun");
    socket.destroy();
    await eventually(() => gateway.lines.some((line) => line["status"] === 499), "the log says 499");
    expect(gateway.upstreams[0]!.stats).toMatchObject({ browser_left: 1, unreachable: 0 });
    expect(gateway.upstreams[0]!.servers[0]!.inFlight).toBe(0);
    expect(gateway.lines.filter((line) => line["level"] === 50)).toEqual([]);
  });

  test("in the middle of a long answer ends the upstream's sending", async () => {
    let isClosed = false;
    const upstream = kept(
      await startUpstream((_request, response) => {
        const more = () => {
          while (response.write("x".repeat(65_536)));
          response.once("drain", more);
        };
        response.on("close", () => (isClosed = true));
        more();
      }),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const socket = connect(gateway.port, "127.0.0.1");
    socket.write(appRequest(gateway, "GET /api/x"));
    await once(socket, "data");
    socket.destroy();
    await eventually(() => isClosed, "the upstream is told");
  });
});

test("a browser that takes nothing of its answer is let go in time, with the upstream call (slow read)", async () => {
  let isClosed = false;
  const upstream = kept(
    await startUpstream((_request, response) => {
      const more = () => {
        while (response.write("x".repeat(65_536)));
        response.once("drain", more);
      };
      response.on("close", () => (isClosed = true));
      more();
    }, false),
  );
  const { upstreams } = parseUpstreams(`/api=${upstream.origin}`, undefined);
  const [row] = createUpstreams(upstreams, { info: () => {}, warn: () => {} });
  await new Promise<void>((resolve, reject) => {
    const server = createServer((request, response) => {
      const asked = {
        request,
        response,
        upstream: row!,
        server: row!.balancer.acquire(true)!,
        target: "/",
        headers: [],
      };
      const answer = { body: undefined, errorFor: () => undefined, responseHead: () => [], stalledReaderMs: 100 };
      exchange({ ...asked, ...answer, onCut: () => {} }).then(resolve, reject);
    });
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      const socket = connect(port, "127.0.0.1", () => socket.pause().write("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
      socket.on("error", () => {});
      kept({ stop: () => [socket.destroy(), server.close()] });
    });
  });
  await expect.poll(() => row!.stats.browser_left).toBe(1);
  await eventually(() => isClosed, "the upstream is told");
  await closeUpstreams([row!]);
});

describe("one pool, good and bad answers mixed", () => {
  const BAD: Record<string, (socket: Socket) => void> = {
    twice: (socket) => void socket.write(OK + OK.replace("ok", "no")),
    longer: (socket) => void socket.write(`${OK}EVIL`),
    shorter: (socket) => void socket.end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"),
    reset: (socket) => void socket.resetAndDestroy(),
    garbage: (socket) => void socket.write("\u0000\u0001garbage\r\n\r\n"),
    cut: (socket) =>
      void socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nEV", () => socket.destroy()),
    hints: (socket) => void socket.write(`HTTP/1.1 103 Early Hints\r\n\r\n${OK}`),
    header: (socket) => void socket.write(`HTTP/1.1 200 OK\r\nX: ${"a".repeat(70_000)}\r\n\r\n`),
    switching: (socket) => void socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
  };

  test("every user gets exactly the answer to the own request (I3)", async () => {
    const upstream = kept(
      await startRawUpstream((socket, head) => {
        const [, path = ""] = head.split(" ");
        const bad = BAD[path.slice(5)];
        if (path.startsWith("/bad/") && bad !== undefined) return bad(socket);
        const body = `own ${path}`;
        return void setImmediate(() =>
          socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`),
        );
      }),
    );
    const override = { maxConnections: 8, maxQueued: 10_000, queueTimeoutMs: 60_000 };
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}`, override }));
    const names = Object.keys(BAD);
    const wrong: string[] = [];
    const goodOne = async (at: number): Promise<void> => {
      const answer = await fetchApi(gateway, `/api/user/${at}`);
      const text = await answer.text();
      // What a bad one broke before may cost a POST its connection, never its truth.
      if (text !== `own /user/${at}`) wrong.push(`${at}: ${answer.status} ${text.slice(0, 300)}`);
    };
    const badOne = (at: number): Promise<unknown> =>
      fetchApi(gateway, `/api/bad/${names[at % names.length]}`)
        .then((answer) => answer.text())
        .catch(() => undefined);
    for (let batch = 0; batch < 10; batch++)
      await Promise.all(
        Array.from({ length: 40 }, (_, at) => (at % 3 === 0 ? badOne(batch + at) : goodOne(batch * 40 + at))),
      );
    expect(wrong).toEqual([]);
    expect(gateway.upstreams[0]!.servers[0]!.inFlight).toBe(0);
  }, 60_000);

  test("an upstream that speaks before it is asked disturbs nobody else", async () => {
    const upstream = kept(await startRawUpstream((socket) => socket.write(OK)));
    const eager = kept(await startEagerUpstream());
    const gateway = kept(
      await startGateway({
        upstreams: `/api=${eager.origin},/api/good=${upstream.origin}`,
        override: { headersTimeoutMs: 200 },
      }),
    );
    for (let round = 0; round < 5; round++) {
      const answer = await fetchApi(gateway, "/api/x", { headers: OWN });
      const text = await answer.text();
      if (answer.status === 200) expect(text).toBe("for nobody");
      expect(await (await fetchApi(gateway, "/api/good/x")).text()).toBe("ok");
    }
  });
});

/** Speaks first, on every connection. */
async function startEagerUpstream() {
  const { createServer } = await import("node:net");
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfor nobody");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address() as { port: number };
  return { origin: `http://127.0.0.1:${address.port}`, stop: () => server.close() };
}
