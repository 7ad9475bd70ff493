// The API that every contestant forwards to: a small JSON answer, and bodies of any size both ways.
import { createServer } from "node:http";

const answer = JSON.stringify({ message: "probeReceived", user: { sub: "alice", name: "Alice Example" } });
const chunk = Buffer.alloc(65_536, "x");

const server = createServer((request, response) => {
  const [path, query] = (request.url ?? "/").split("?");
  if (path?.endsWith("/download") === true) {
    let left = Number(new URLSearchParams(query).get("bytes"));
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": left });
    const send = () => {
      while (left > 0) {
        const part = left >= chunk.length ? chunk : chunk.subarray(0, left);
        left -= part.length;
        if (!response.write(part)) return void response.once("drain", send);
      }
      response.end();
    };
    return send();
  }
  request.resume().on("end", () => {
    response.writeHead(200, { "content-type": "application/json", "content-length": answer.length });
    response.end(answer);
  });
});
server.keepAliveTimeout = 120_000;
server.listen(Number(process.env["PORT"]), "127.0.0.1", () => process.send?.("ready"));
process.on("disconnect", () => process.exit());
