// Reads a URL-encoded request body of limited size.
import type { IncomingMessage } from "node:http";

const maxFormBytes = 8 * 1024;

/** @returns an empty form above `maxFormBytes` */
export async function readForm(req: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxFormBytes) return new URLSearchParams();
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString("utf8"));
}
