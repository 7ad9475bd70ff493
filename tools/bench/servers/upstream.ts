// API with large bodies and event streams. Requests without a bearer token receive 401.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

const SMALL_BODY = JSON.stringify({ message: "probeReceived", user: { sub: "alice", name: "Alice Example" } });
const chunk = Buffer.alloc(65_536, "x");

const server = createServer((request, response) => {
  if (request.headers.authorization?.startsWith("Bearer ") !== true) return void response.writeHead(401).end();
  const [path = "/", query] = (request.url ?? "/").split("?");
  if (path.endsWith("/download")) return download(response, Number(new URLSearchParams(query).get("bytes")));
  if (path.endsWith("/events")) return events(response);
  return small(request, response);
});

function download(response: ServerResponse, bytes: number): void {
  let left = bytes;
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": left });
  const send = (): void => {
    while (left > 0) {
      const part = left >= chunk.length ? chunk : chunk.subarray(0, left);
      left -= part.length;
      if (!response.write(part)) return void response.once("drain", send);
    }
    response.end();
  };
  send();
}

/** Sends one event and keeps the stream open. */
function events(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  response.write("data: hello\n\n");
}

function small(request: IncomingMessage, response: ServerResponse): void {
  request.resume().on("end", () => {
    response.writeHead(200, { "content-type": "application/json", "content-length": SMALL_BODY.length });
    response.end(SMALL_BODY);
  });
}

server.keepAliveTimeout = 120_000;
server.requestTimeout = 0;
server.listen(Number(process.env["PORT"]), "127.0.0.1");
process.on("disconnect", () => process.exit());
