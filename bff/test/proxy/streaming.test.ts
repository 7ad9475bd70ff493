// Streaming in both directions: without delay, in constant memory, with backpressure.
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { until } from "@cloakroom/testkit/until.ts";
import { appRequest, fetchApi, kept, OWN, startGateway, startUpstream } from "./gateway.ts";

describe("streaming", () => {
  test("head and first event of an event stream arrive before the second event is sent", async () => {
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
    const response = await fetch(`http://127.0.0.1:${gateway.port}/api/events`, {
      headers: { accept: "text/event-stream", "sec-fetch-site": "same-origin" },
    });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const reader = response.body!.getReader();
    sendEvent("data: one\n\n");
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("data: one\n\n");
    sendEvent("data: two\n\n");
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("data: two\n\n");
    await reader.cancel();
    await until("the upstream sees the browser leave", () => isClosed);
  });

  const CHUNK = Buffer.alloc(65_536, "x");
  const TOTAL_BYTES = 200 * 1024 * 1024;

  test("a download of 200 MB uses constant memory", async () => {
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
    const response = await fetchApi(gateway, "/api/big");
    for await (const chunk of response.body!) {
      receivedBytes += (chunk as Uint8Array).length;
      if (receivedBytes % (8 * 1024 * 1024) < CHUNK.length) peak = Math.max(peak, process.memoryUsage().rss);
    }
    expect(receivedBytes).toBe(TOTAL_BYTES);
    expect((peak - before) / 2 ** 20).toBeLessThan(100);
  });

  test("an upload of 200 MB uses constant memory", async () => {
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
    const responded = once(upload, "response") as Promise<[IncomingMessage]>;
    for (let sentBytes = 0; sentBytes < TOTAL_BYTES; sentBytes += CHUNK.length) {
      if (!upload.write(CHUNK)) await once(upload, "drain");
      if (sentBytes % (8 * 1024 * 1024) === 0) peak = Math.max(peak, process.memoryUsage().rss);
    }
    upload.end();
    const [response] = await responded;
    response.resume();
    expect(response.statusCode).toBe(200);
    expect(receivedBytes).toBe(TOTAL_BYTES);
    expect((peak - before) / 2 ** 20).toBeLessThan(100);
  });

  test("a browser that does not read pauses the upstream (backpressure)", async () => {
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

  test("an upstream that does not read pauses the browser (backpressure)", async () => {
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
