// Forwards requests and WebSocket handshakes of Vite's server to the gateway, unchanged: the gateway compares Host and Origin
// with its public origin.
import { request, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { connect } from "node:net";
import type { Duplex } from "node:stream";

export type AnyRequest = IncomingMessage | Http2ServerRequest;
export type AnyResponse = ServerResponse | Http2ServerResponse;

const HOST = "127.0.0.1";
/** Connection-specific header fields, which HTTP/2 forbids (RFC 9113 §8.2.2). */
const OF_CONNECTION: ReadonlySet<string> = new Set(["connection", "keep-alive", "transfer-encoding", "upgrade"]);

/** @param onError called at most once, if no response has begun */
export function forwardRequest(
  incoming: AnyRequest,
  outgoing: AnyResponse,
  { port, onError }: { port: number; onError: (error: Error) => void },
): void {
  const isHttp2 = incoming.httpVersionMajor === 2;
  const forwarded = request({
    ...{ host: HOST, port, method: incoming.method ?? "GET", path: incoming.url ?? "/" },
    headers: requestHeaders(incoming),
    // The order and the spelling of the browser; no header is added.
    setHost: false,
    agent: false,
  });
  forwarded.on("response", (response) => {
    const headers = isHttp2 ? withoutConnection(response.headers) : response.rawHeaders;
    // Both classes have this signature, but not a common type.
    (outgoing as ServerResponse).writeHead(response.statusCode ?? 502, headers);
    response.pipe(outgoing as ServerResponse);
    response.on("error", () => outgoing.destroy());
  });
  forwarded.on("error", (error) => {
    if (outgoing.headersSent || outgoing.destroyed) outgoing.destroy();
    else onError(error);
  });
  outgoing.on("close", () => forwarded.destroy());
  incoming.pipe(forwarded);
}

/** With `rawHeaders` Node would send duplicates as they are; pseudo-header fields of HTTP/2 become `Host`. */
function requestHeaders(incoming: AnyRequest): OutgoingHttpHeaders | readonly string[] {
  if (incoming.httpVersionMajor < 2) return incoming.rawHeaders;
  const { ":authority": authority, ...headers } = incoming.headers as Record<string, string | string[] | undefined>;
  const fields = Object.entries(headers).filter(([name]) => !name.startsWith(":"));
  return { host: String(authority ?? headers["host"]), ...Object.fromEntries(fields) };
}

function withoutConnection(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !OF_CONNECTION.has(name)));
}

/** Forwards a WebSocket handshake byte by byte, then connects both sockets. */
export function forwardUpgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer, port: number): void {
  const forwarded = connect(port, HOST, () => {
    forwarded.write(`${incoming.method ?? "GET"} ${incoming.url ?? "/"} HTTP/1.1\r\n${headerLines(incoming)}\r\n`);
    forwarded.write(head);
    socket.pipe(forwarded).pipe(socket);
  });
  forwarded.setNoDelay(true);
  forwarded.on("error", () => socket.destroy());
  forwarded.on("close", () => socket.destroy());
  socket.on("error", () => forwarded.destroy());
  socket.on("close", () => forwarded.destroy());
}

function headerLines({ rawHeaders }: IncomingMessage): string {
  const lines: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2)
    lines.push(`${rawHeaders[index] ?? ""}: ${rawHeaders[index + 1] ?? ""}\r\n`);
  return lines.join("");
}
