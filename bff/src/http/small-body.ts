// Reads a small request body with limits on size and time. Bodies of requests to upstreams are streamed instead.
import type { IncomingMessage } from "node:http";
import { GatewayError } from "../errors.ts";
import type { SendingObserver } from "../lib/in-flight.ts";

/** Slow-loris limit. A provider or browser sends its few kilobytes at once. */
const MAX_BODY_MS = 5_000;

export type SmallBodyOptions = {
  /** Media types without parameters, in lower case. */
  types: readonly string[];
  maxBytes: number;
  waiting: SendingObserver | undefined;
};

export type SmallBody = { type: string; text: string };

/** @throws GatewayError request_malformed | payload_too_large */
export async function readSmallBody(
  request: IncomingMessage,
  { types, maxBytes, waiting }: SmallBodyOptions,
): Promise<SmallBody> {
  const type = request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase() ?? "";
  if (!types.includes(type))
    throw new GatewayError("request_malformed", { reason: `Content-Type is not ${types.join(" or ")}` });
  // Decompression bomb.
  if (request.headers["content-encoding"] !== undefined)
    throw new GatewayError("request_malformed", { reason: "Content-Encoding is not supported" });
  const chunks: Buffer[] = [];
  const tooSlow = new GatewayError("request_malformed", { status: 408, reason: "body timed out" });
  const timer = setTimeout(() => request.destroy(tooSlow), MAX_BODY_MS);
  let bytes = 0;
  waiting?.setSending(true);
  try {
    // Destroying the request would close the connection before the response is sent.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      bytes += (chunk as Buffer).length;
      if (bytes > maxBytes) throw new GatewayError("payload_too_large", { reason: "body too large" });
      chunks.push(chunk as Buffer);
    }
  } finally {
    waiting?.setSending(false);
    clearTimeout(timer);
  }
  return { type, text: Buffer.concat(chunks).toString("utf8") };
}
