// Reads a small form body with limits on size and time. No other request body is parsed by the gateway.
import type { IncomingMessage } from "node:http";
import { GatewayError } from "../errors.ts";
import type { SendingObserver } from "../lib/in-flight.ts";

/** Slow-loris limit. A provider sends its few hundred bytes at once. */
const MAX_BODY_MS = 5_000;

type FormOptions = {
  maxBytes: number;
  waiting: SendingObserver | undefined;
};

/** @throws GatewayError request_malformed | payload_too_large */
export async function readForm(request: IncomingMessage, { maxBytes, waiting }: FormOptions): Promise<URLSearchParams> {
  const type = request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/x-www-form-urlencoded")
    throw new GatewayError("request_malformed", { reason: "Content-Type is not application/x-www-form-urlencoded" });
  // Decompression bomb.
  if (request.headers["content-encoding"] !== undefined)
    throw new GatewayError("request_malformed", { reason: "Content-Encoding is not supported" });
  const chunks: Buffer[] = [];
  const tooSlow = new GatewayError("request_malformed", { status: 408, reason: "form body timed out" });
  const timer = setTimeout(() => request.destroy(tooSlow), MAX_BODY_MS);
  let bytes = 0;
  waiting?.setSending(true);
  try {
    // Destroying the request would close the connection before the response is sent.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      bytes += (chunk as Buffer).length;
      if (bytes > maxBytes) throw new GatewayError("payload_too_large", { reason: "form body too large" });
      chunks.push(chunk as Buffer);
    }
  } finally {
    waiting?.setSending(false);
    clearTimeout(timer);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString("utf8"));
}
