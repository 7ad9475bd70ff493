// Early response: a response sent before the request body has been read, without resetting the connection.
import type { IncomingMessage, ServerResponse } from "node:http";
import { flushHeadersNow } from "./flush-headers.ts";
import { hasBody } from "./request-state.ts";

/** Node reads and discards a remaining body of up to this length, so that the connection can be reused. */
const MAX_DISCARDED_BYTES = 65_536;
/** Browsers send their body before they read the response; closing the socket at once would reset it (lost response). */
const LINGER_MS = 2_000;

/** Whether too much of the body is outstanding to discard it. The response must then have `Connection: close`. */
export function isUploading(request: IncomingMessage): boolean {
  if (request.complete || !hasBody(request)) return false;
  const length = request.headers["content-length"];
  // Without 100 Continue the client may send either the body or the next request (request smuggling).
  if (request.headers.expect !== undefined) return true;
  return length === undefined || Number(length) > MAX_DISCARDED_BYTES;
}

/** Ends a response, whose head has `Connection: close` if isUploading. Waits for the body, for LINGER_MS at most. */
export function endResponse(
  request: IncomingMessage,
  response: ServerResponse,
  body?: string,
  encoding: BufferEncoding = "utf8",
): void {
  if (!isUploading(request)) {
    if (body === undefined) response.end();
    else response.end(body, encoding);
    return;
  }
  if (body !== undefined) response.write(body, encoding);
  else flushHeadersNow(response);
  const timer = setTimeout(end, LINGER_MS);
  function end(): void {
    clearTimeout(timer);
    request.off("end", end).off("close", end);
    response.end();
  }
  request.on("end", end).on("close", end).resume();
}
