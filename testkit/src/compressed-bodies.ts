// Hostile response bodies and headers for tests of size and time limits.
import type { ServerResponse } from "node:http";
import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";

const ZEROS = Buffer.alloc(64 * 1_048_576);
const PADDED = Buffer.from(`{"padding":"${"x".repeat(2 * 1_048_576)}"}`);

export type Bomb = { name: string; send: (response: ServerResponse) => void };

function encoded(coding: string, body: Buffer): Bomb["send"] {
  return (response) =>
    void response.writeHead(200, { "content-type": "application/json", "content-encoding": coding }).end(body);
}

/** Writes endlessly, with backpressure. */
function endless(chunk: Buffer, headers: Record<string, string>): Bomb["send"] {
  return (response) => {
    response.writeHead(200, { "content-type": "application/json", ...headers });
    const write = (): void => {
      while (!response.destroyed) if (!response.write(chunk)) return;
    };
    response.on("drain", write);
    write();
  };
}

/** Exceeds the size limit of provider responses. */
export const OVERSIZED: readonly Bomb[] = [
  {
    name: "2 MiB with Content-Length",
    send: (response) => void response.setHeader("content-type", "application/json").end(PADDED),
  },
  {
    name: "2 MiB of an error",
    send: (response) => void response.writeHead(400, { "content-type": "application/json" }).end(PADDED),
  },
  { name: "chunks without end", send: endless(Buffer.alloc(65_536, " "), {}) },
  { name: "gzip of 64 MiB", send: encoded("gzip", gzipSync(ZEROS)) },
  { name: "x-gzip of 64 MiB", send: encoded("x-gzip", gzipSync(ZEROS)) },
  { name: "deflate of 64 MiB", send: encoded("deflate", deflateSync(ZEROS)) },
  {
    name: "br of 64 MiB",
    send: encoded("br", brotliCompressSync(ZEROS, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } })),
  },
  { name: "zstd of 64 MiB", send: encoded("zstd", zstdCompressSync(ZEROS)) },
  { name: "gzip within gzip", send: encoded("gzip, gzip", gzipSync(gzipSync(ZEROS))) },
  // Empty gzip members: the compressed size grows, the decoded size does not.
  {
    name: "empty gzip members without end",
    send: endless(Buffer.concat(Array.from({ length: 3_000 }, () => gzipSync(""))), { "content-encoding": "gzip" }),
  },
  { name: "a Content-Length of 1 PB", send: endless(Buffer.alloc(65_536, " "), { "content-length": String(2 ** 50) }) },
];
