// Failures of one side of an exchange: error responses and aborted connections, without effect on other requests.
import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { until } from "@cloakroom/testkit/until.ts";
import { requestBody } from "../../src/proxy/request-body.ts";
import {
  appRequest,
  BEARER,
  fetchApi,
  kept,
  sendRaw,
  startGateway,
  startRawUpstream,
  startUpstream,
} from "./gateway.ts";

describe("a failing exchange", () => {
  test("a refused connection gets 502, and 200 after the upstream recovers", async () => {
    const upstream = await startUpstream();
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    upstream.stop();
    const response = await fetchApi(gateway, "/api/x");
    expect(response.status).toBe(502);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ code: "upstream_unreachable" });
    expect(text).not.toContain(String(upstream.port));
    upstream.server.listen(upstream.port, "127.0.0.1");
    await once(upstream.server, "listening");
    expect((await fetchApi(gateway, "/api/x")).status).toBe(200);
    upstream.stop();
  });

  test("a refused connection during an upload gets 502 instead of a reset", async () => {
    const upstream = await startUpstream();
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    upstream.stop();
    const body = "x".repeat(500_000);
    const response = await sendRaw(
      gateway.port,
      appRequest(gateway, "POST /api/x", [`Content-Length: ${body.length}`], body),
    );
    expect(response.status).toBe(502);
  });

  test("a browser connection is reusable after a small upload failed with 502", async () => {
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
      await until("the next request arrives", () => upstream.arrived.length === round);
    }
    await until("every failed upload gets its 502", () => raw.match(/HTTP\/1\.1 502/g)?.length === 3);
    socket.destroy();
  });

  test("a stalled upload is aborted on both sides", async () => {
    let isAborted = false;
    const server = createServer((request) => {
      requestBody(request, { maxBodyBytes: 1_000, idleMs: 50 })
        .on("error", () => (isAborted = true))
        .resume();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1").on("error", () => {});
    socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsome");
    await once(socket, "close");
    await until("the body is broken off", () => isAborted);
    server.close();
  });

  test("an upstream that does not respond within headersTimeoutMs gets 504", async () => {
    const upstream = kept(await startUpstream(() => {}));
    const gateway = kept(
      await startGateway({ upstreams: `/api=${upstream.origin}`, override: { headersTimeoutMs: 100 } }),
    );
    const response = await fetchApi(gateway, "/api/x");
    expect(response.status).toBe(504);
    expect((await response.json()) as object).toMatchObject({ code: "upstream_timeout" });
  });

  test("an upstream that closes the connection without a response gets 502", async () => {
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
  ])("a response cut in the middle, %s, never looks complete", async (_name, bytes) => {
    const upstream = kept(
      await startRawUpstream((socket) => {
        socket.write(bytes);
        setImmediate(() => socket.destroySoon());
      }),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const response = await fetchApi(gateway, "/api/x")
      .then(
        (response) => response.text(),
        () => "cut",
      )
      .catch(() => "cut");
    expect(response).toBe("cut");
    await until("the request is logged", () => gateway.lines.some((line) => line["msg"] === "request"));
    expect(gateway.lines.find((line) => line["msg"] === "request")).toMatchObject({ code: "upstream_unreachable" });
  });

  test("a response body that pauses longer than bodyIdleTimeoutMs is aborted", async () => {
    const upstream = kept(await startUpstream((_request, response) => void response.writeHead(200).write("first")));
    const gateway = kept(
      await startGateway({ upstreams: `/api=${upstream.origin}`, override: { bodyIdleTimeoutMs: 100 } }),
    );
    const response = await fetchApi(gateway, "/api/x");
    await expect(response.text()).rejects.toThrow();
  });

  test("a browser that disconnects aborts the upstream request and is logged as 499", async () => {
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
    await until("the upstream call ends", () => isClosed);
    await until("the log says 499", () => gateway.lines.some((line) => line["status"] === 499));
    expect(gateway.lines.filter((line) => line["level"] === 50)).toEqual([]);
  });

  test("a browser that disconnects during an upload aborts the upstream request", async () => {
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
    await until("the upstream call is broken off", () => isAborted);
  });

  test("a connection reset by a browser during a response does not affect other requests", async () => {
    const upstream = kept(await startUpstream((_request, response) => void response.writeHead(200).write("first")));
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const socket = connect(gateway.port, "127.0.0.1");
    socket.write(appRequest(gateway, "GET /api/slow"));
    await once(socket, "data");
    socket.resetAndDestroy();
    await until("the log says 499", () => gateway.lines.some((line) => line["status"] === 499));
    expect(gateway.lines.filter((line) => line["level"] === 50)).toEqual([]);
  });

  test("responses during a drain have Connection: close and all other headers", async () => {
    const upstream = kept(
      await startUpstream(
        (_request, response) => void response.appendHeader("Link", "<a>").appendHeader("Link", "<b>").end(),
      ),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    gateway.server.prependListener("request", (_request, response) => response.setHeader("Connection", "close"));
    const response = await sendRaw(gateway.port, appRequest(gateway, "GET /api/x"));
    expect(response.headers.get("connection")).toEqual(["close"]);
    expect(response.headers.get("link")).toEqual(["<a>", "<b>"]);
    expect(response.headers.get("content-security-policy")).toHaveLength(1);
    const rejected = await sendRaw(gateway.port, appRequest(gateway, "GET /api/../x"));
    expect(rejected.headers.get("connection")).toEqual(["close"]);
  });

  test("a browser that disconnects while its session is read causes no upstream request", async () => {
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
    await until("authorize is asked", () => isAsked);
    socket.destroy();
    await until("the request is over", () => gateway.lines.some((line) => line["status"] === 499));
    go();
    await fetchApi(gateway, "/api/y");
    expect(upstream.arrived.map(({ url }) => url)).toEqual(["/y"]);
  });

  test("an early response to an upload is delivered, then the connection is closed", async () => {
    const upstream = kept(
      await startUpstream((_request, response) => {
        response.writeHead(413, { "Content-Length": "9" }).end("too large");
      }, false),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const body = "x".repeat(2_000_000);
    const response = await sendRaw(
      gateway.port,
      appRequest(gateway, "POST /api/x", ["Content-Length: 100000000"], body),
    );
    expect([response.status, response.body]).toEqual([413, "too large"]);
    expect(response.headers.get("connection")).toEqual(["close"]);
  });
});
