// Uploads and downloads of large bodies, streamed without buffering.
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import type { Context } from "koa";
import { ProblemError } from "./problem.ts";
import { numberParameter } from "./query-parameters.ts";

const maxUploadBytes = 4 * 1024 ** 3;
const maxDownloadBytes = 16 * 1024 ** 3;

export async function upload(ctx: Context): Promise<void> {
  const hash = createHash("sha256");
  const bytes = await countBytes(ctx, (chunk) => hash.update(chunk));
  ctx.body = { bytes, sha256: hash.digest("hex"), contentType: ctx.get("content-type") || null };
}

/** @throws ProblemError 413 above `maxUploadBytes` */
export async function countBytes(ctx: Context, onChunk: (chunk: Buffer) => void = () => undefined): Promise<number> {
  let bytes = 0;
  for await (const chunk of ctx.req as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxUploadBytes)
      throw new ProblemError(413, "payload_too_large", `At most ${maxUploadBytes} bytes.`, { connection: "close" });
    onChunk(chunk);
  }
  return bytes;
}

/** Byte i of every download is i modulo PERIOD, so that a client can verify any range by itself. */
const PERIOD = 251;
const BLOCK = Buffer.from(Array.from({ length: PERIOD * 256 }, (_, index) => index % PERIOD));

export function download(ctx: Context): void {
  const total = numberParameter(ctx, "bytes", { min: 0, max: maxDownloadBytes });
  const range = parseRange(ctx.get("range"), total);
  ctx.set("accept-ranges", "bytes");
  if (range === "unsatisfiable")
    throw new ProblemError(416, "range_not_satisfiable", `The body has ${total} bytes.`, {
      "content-range": `bytes */${total}`,
    });
  const { start, end } = range ?? { start: 0, end: total };
  if (range !== undefined) {
    ctx.status = 206;
    ctx.set("content-range", `bytes ${start}-${end - 1}/${total}`);
  }
  ctx.type = "application/octet-stream";
  ctx.body = createPatternStream(start, end);
  ctx.length = end - start;
}

/** Generates bytes on demand, so that backpressure applies. */
function createPatternStream(start: number, end: number): Readable {
  let position = start;
  return new Readable({
    read() {
      if (position >= end) return void this.push(null);
      const offset = position % PERIOD;
      const length = Math.min(BLOCK.length - offset, end - position);
      position += length;
      this.push(BLOCK.subarray(offset, offset + length));
    },
  });
}

type Range = { start: number; end: number };

/** @returns undefined, which means the whole body, for several ranges or an invalid header (RFC 9110 §14.2) */
function parseRange(header: string, total: number): Range | "unsatisfiable" | undefined {
  const [, first = "", last = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header) ?? [];
  if (first === "" && last === "") return undefined;
  const start = first === "" ? Math.max(0, total - Number(last)) : Number(first);
  const end = first === "" || last === "" ? total : Math.min(total, Number(last) + 1);
  if (first !== "" && last !== "" && Number(last) < start) return undefined;
  return start < end ? { start, end } : "unsatisfiable";
}
