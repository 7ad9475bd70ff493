// Further cases of forwarding: methods, conditional requests, interim responses, slow heads, early responses, disconnects.
import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { until } from "@cloakroom/testkit/until.ts";
import { exchange } from "../../src/proxy/exchange.ts";
import { closeUpstreams, createUpstreams } from "../../src/upstream/upstreams.ts";
import { parseUpstreams } from "../../src/config/upstreams.ts";
import { appRequest, fetchApi, kept, OWN, sendRaw, startGateway, startRawUpstream, startUpstream } from "./gateway.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

describe("an open WebSocket", () => {
  test.each(["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])(
    "%s is forwarded with and without a body",
    async (method) => {
      const upstream = kept(await startUpstream());
      const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
      expect((await sendRaw(gateway.port, appRequest(gateway, `${method} /api/1`))).status).toBe(200);
      const withBody = appRequest(gateway, `${method} /api/2`, ["Content-Length: 3"], "abc");
      expect((await sendRaw(gateway.port, withBody)).status).toBe(200);
      expect(upstream.arrived.map((each) => [each.method, each.url, each.body])).toEqual([
        [method, "/1", ""],
        [method, "/2", "abc"],
      ]);
    },
  );

  test.each(["GET", "HEAD"])(
    "%s is forwarded without a body and rejected with one (request smuggling)",
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
        const status = none === '"v1"' ? 304 : match === '"v0"' ? 412 : range === '"v1"' ? 206 : 200;
        response.writeHead(status, { ETag: '"v1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT" }).end();
      }),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const response = await fetchApi(gateway, "/api/x", { headers });
    expect([response.status, response.headers.get("etag")]).toEqual([status, '"v1"']);
    for (const [name, value] of Object.entries(headers)) expect(upstream.arrived[0]!.headers[name]).toBe(value);
  });

  test("headers of the row replace the browser's headers", async () => {
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

  test("a compressed response is forwarded without decompression", async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    const upstream = kept(
      await startUpstream((_request, response) => {
        response.writeHead(200, { "Content-Encoding": "gzip", "Content-Length": bomb.length }).end(bomb);
      }),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const response = await sendRaw(gateway.port, appRequest(gateway, "GET /api/x", ["Accept-Encoding: gzip"]));
    expect(response.headers.get("content-encoding")).toEqual(["gzip"]);
    expect(Buffer.from(response.body, "latin1").equals(bomb)).toBe(true);
  });
});

describe("Expect", () => {
  test("an unknown Expect gets 417 without an upstream request", async () => {
    const upstream = kept(await startUpstream());
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const response = await sendRaw(gateway.port, appRequest(gateway, "GET /api/x", ["Expect: 200-ok"]));
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(upstream.arrived).toHaveLength(0);
  });

  test("100 Continue is not sent while the request is queued or rejected", async () => {
    const upstream = kept(await startUpstream(() => {}));
    const override = { maxConnections: 1, maxQueued: 0 };
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}`, override }));
    const first = connect(gateway.port, "127.0.0.1");
    first.write(appRequest(gateway, "GET /api/slow"));
    await until("the only connection is taken", () => upstream.arrived.length === 1);
    const expecting = ["Expect: 100-continue", "Content-Length: 5"];
    const response = await sendRaw(gateway.port, appRequest(gateway, "POST /api/x", expecting));
    expect(response.raw).toMatch(/^HTTP\/1\.1 503/);
    expect(response.headers.get("connection")).toEqual(["close"]);
    first.destroy();
  });
});

describe("interim responses", () => {
  const HINT = "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n";

  test("many interim responses are dropped and the final response is forwarded", async () => {
    const upstream = kept(await startRawUpstream((socket) => socket.write(HINT.repeat(50) + OK)));
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const response = await sendRaw(gateway.port, appRequest(gateway, "GET /api/x"));
    expect([response.status, response.body]).toEqual([200, "ok"]);
    expect(response.raw).not.toContain("103");
  });

  test.each([
    ["103", HINT],
    ["102", "HTTP/1.1 102 Processing\r\n\r\n"],
    ["100", "HTTP/1.1 100 Continue\r\n\r\n"],
  ])("%s responses without end get 502 or 504 in time", async (_name, interim) => {
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
    const response = await fetchApi(gateway, "/api/x", { signal: AbortSignal.timeout(10_000) });
    expect([502, 504]).toContain(response.status);
    for (const storm of storms) clearInterval(storm);
  });
});

describe("a slow response head", () => {
  test("an endless response head gets 502 or 504 in time", async () => {
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
    const response = await fetchApi(gateway, "/api/x", { signal: AbortSignal.timeout(10_000) });
    expect([502, 504]).toContain(response.status);
  });
});

describe("an early response to an upload", () => {
  test.each([
    ["401 and reads on", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno", false],
    ["413 and closes", "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno", true],
    ["200 and closes", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno", true],
  ])(
    "an early response to an upload, %s, reaches the browser, and the connection is not reused",
    async (_name, bytes, closes) => {
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
      const response = await sendRaw(gateway.port, upload);
      expect([response.status, response.body]).toEqual([Number(bytes.slice(9, 12)), "no"]);
      expect(response.headers.get("connection")).toEqual(["close"]);
      for (let round = 0; round < 3; round++) expect(await (await fetchApi(gateway, "/api/y")).text()).toBe("ok");
    },
  );
});

describe("a browser that disconnects", () => {
  test("a disconnect while the upstream connection is being established affects no other request", async () => {
    // Accepts no connection: the attempt stays pending until its timeout.
    const upstream = kept(await startRawUpstream(() => {}));
    const override = { connectTimeoutMs: 60_000, tls: {}, baseUrls: [upstream.origin.replace("http:", "https:")] };
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}`, override }));
    const socket = connect(gateway.port, "127.0.0.1");
    socket.write(appRequest(gateway, "GET /api/x"));
    await until("the connection is begun", () => upstream.connections() === 1);
    socket.destroy();
    await until("the log says 499", () => gateway.lines.some((line) => line["status"] === 499));
    expect(gateway.upstreams[0]!.stats).toMatchObject({ browser_left: 1, unreachable: 0 });
    expect(gateway.upstreams[0]!.servers[0]!.inFlight).toBe(0);
    expect(gateway.lines.filter((line) => line["level"] === 50)).toEqual([]);
  });

  test("a disconnect during a long response aborts the upstream request", async () => {
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
    await until("the upstream connection is closed", () => isClosed);
  });
});

test("a browser that stops reading is disconnected with its upstream request (slow read)", async () => {
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
      const fields = {
        request,
        response,
        upstream: row!,
        server: row!.balancer.acquire(true)!,
        target: "/",
        headers: [],
      };
      const handlers = { body: undefined, errorFor: () => undefined, responseHead: () => [], stalledReaderMs: 100 };
      exchange({ ...fields, ...handlers, onCut: () => {} }).then(resolve, reject);
    });
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      const socket = connect(port, "127.0.0.1", () => socket.pause().write("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
      socket.on("error", () => {});
      kept({ stop: () => [socket.destroy(), server.close()] });
    });
  });
  await expect.poll(() => row!.stats.browser_left).toBe(1);
  await until("the upstream connection is closed", () => isClosed);
  await closeUpstreams([row!]);
});

describe("one connection pool with valid and invalid responses", () => {
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

  test("every user gets the response to their own request (I3)", async () => {
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
      const response = await fetchApi(gateway, `/api/user/${at}`);
      const text = await response.text();
      // A POST on a connection broken by an invalid response may fail but never gets a wrong response.
      if (text !== `own /user/${at}`) wrong.push(`${at}: ${response.status} ${text.slice(0, 300)}`);
    };
    const badOne = (at: number): Promise<unknown> =>
      fetchApi(gateway, `/api/bad/${names[at % names.length]}`)
        .then((response) => response.text())
        .catch(() => undefined);
    for (let batch = 0; batch < 10; batch++)
      await Promise.all(
        Array.from({ length: 40 }, (_, at) => (at % 3 === 0 ? badOne(batch + at) : goodOne(batch * 40 + at))),
      );
    expect(wrong).toEqual([]);
    expect(gateway.upstreams[0]!.servers[0]!.inFlight).toBe(0);
  }, 60_000);

  test("an upstream that sends bytes before a request does not affect other requests", async () => {
    const upstream = kept(await startRawUpstream((socket) => socket.write(OK)));
    const eager = kept(await startEagerUpstream());
    const gateway = kept(
      await startGateway({
        upstreams: `/api=${eager.origin},/api/good=${upstream.origin}`,
        override: { headersTimeoutMs: 200 },
      }),
    );
    for (let round = 0; round < 5; round++) {
      const response = await fetchApi(gateway, "/api/x", { headers: OWN });
      const text = await response.text();
      if (response.status === 200) expect(text).toBe("unsolicited");
      expect(await (await fetchApi(gateway, "/api/good/x")).text()).toBe("ok");
    }
  });
});

/** Sends bytes on each new connection. */
async function startEagerUpstream() {
  const { createServer } = await import("node:net");
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nunsolicited");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address() as { port: number };
  return { origin: `http://127.0.0.1:${address.port}`, stop: () => server.close() };
}
