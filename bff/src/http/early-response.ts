// Answering before the request's body has been read, so that the browser gets the answer and not a reset.
import type { IncomingMessage, ServerResponse } from "node:http";
import { flushHead } from "./flush-headers.ts";
import { hasBody } from "./request-state.ts";

/** Up to this many bytes Node reads and forgets the rest of the body, and the connection lives on. */
const READ_ON_BYTES = 65_536;
/** Browsers send on before they look for an answer; closing under them at once would cost them the answer. */
const LINGER_MS = 2_000;

/** Whether more of the body may follow than is worth reading: the connection must then be closed after the answer. */
export function isUploading(request: IncomingMessage): boolean {
  if (request.complete || !hasBody(request)) return false;
  const length = request.headers["content-length"];
  // Who was never told to continue sends the next request or the body, and nobody can tell which.
  if (request.headers.expect !== undefined) return true;
  return length === undefined || Number(length) > READ_ON_BYTES;
}

/** Ends an answer whose head said `Connection: close` if the request was still uploading. */
export function endAnswer(
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
  else flushHead(response);
  const timer = setTimeout(end, LINGER_MS);
  function end(): void {
    clearTimeout(timer);
    request.off("end", end).off("close", end);
    response.end();
  }
  request.on("end", end).on("close", end).resume();
}
