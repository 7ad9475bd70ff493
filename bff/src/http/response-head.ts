// Limit on the head of a response: nginx, and other proxies, reject a larger one with 502 (proxy_buffer_size, 4 kB).
import type { ServerResponse } from "node:http";

const MAX_HEAD_BYTES = 4_096;
/** Status line, and what Node and Koa add later: Date, Connection, Keep-Alive, Content-Type, Content-Length. */
const ADDED_LATER_BYTES = 256;
/** Name of a header, `: ` and the line end. */
const LINE_OVERHEAD_BYTES = 32;

/** Whether a header of `valueBytes` more fits into the head. */
export function fitsIntoHead(response: ServerResponse, valueBytes: number): boolean {
  let bytes = ADDED_LATER_BYTES + LINE_OVERHEAD_BYTES + valueBytes;
  for (const [name, value] of Object.entries(response.getHeaders()))
    for (const line of [value ?? ""].flat()) bytes += name.length + String(line).length + ": \r\n".length;
  return bytes <= MAX_HEAD_BYTES;
}
