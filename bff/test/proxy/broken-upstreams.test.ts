// One side breaks: the other is told, and nobody else notices.
import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { requestBody } from "../../src/proxy/request-body.ts";
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
} from "./gateway.ts";

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
      requestBody(request, { maxBodyBytes: 1_000, idleMs: 50 })
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
