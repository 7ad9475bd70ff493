// Baseline: a Node proxy with http and undici's dispatch, without sessions, rules or log.
import { createServer, type ServerResponse } from "node:http";
import { Pool, type Dispatcher } from "undici";

/** As long as a real access token. */
const BEARER = `Bearer ${"x".repeat(800)}`;
const pool = new Pool(process.env["UPSTREAM"] ?? "", { pipelining: 1, bodyTimeout: 0 });

const server = createServer((request, response) => {
  const { method = "GET", url = "/", headers } = request;
  const { host: _host, connection: _connection, "transfer-encoding": chunked, expect: _expect, ...crossing } = headers;
  const hasBody = chunked !== undefined || headers["content-length"] !== undefined;
  pool.dispatch(
    {
      method: method as Dispatcher.HttpMethod,
      path: url.slice("/api".length),
      headers: { ...crossing, authorization: BEARER },
      body: hasBody ? request : null,
    },
    intoResponse(response),
  );
});

function intoResponse(response: ServerResponse): Dispatcher.DispatchHandler {
  return {
    onRequestStart() {},
    onResponseStart(controller, status, headers) {
      const { connection: _connection, "transfer-encoding": _chunked, ...crossing } = headers;
      response.writeHead(status, crossing);
      response.on("drain", () => controller.resume());
    },
    onResponseData(controller, part) {
      if (!response.write(part)) controller.pause();
    },
    onResponseEnd() {
      response.end();
    },
    onResponseError() {
      response.destroy();
    },
  };
}

server.keepAliveTimeout = 120_000;
server.requestTimeout = 0;
server.listen(Number(process.env["PORT"]), "127.0.0.1");

// A regular exit, so that Node writes the CPU profile.
process.once("SIGTERM", () => process.exit());
process.on("disconnect", () => process.exit());
