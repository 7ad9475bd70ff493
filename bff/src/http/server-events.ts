// Server events besides "request": parser errors, WebSocket upgrades, CONNECT, Expect, connection limit.
import { randomUUID } from "node:crypto";
import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { GatewayError } from "../errors.ts";
import { networkErrorKind } from "../lib/network-errors.ts";
import type { Log } from "../logging/log.ts";
import { createThrottledLog } from "../logging/throttled-log.ts";
import { problemOf } from "./error-response.ts";
import { handleHandshakes } from "./websocket-handshake.ts";
import { securityHeaderList, type HostPolicy } from "./security-headers.ts";

export type SocketDependencies = { config: HostPolicy; log: Log };

const LOG_REFUSED_CONNECTIONS_EVERY_MS = 10_000;

/** Status by error code of Node's parser; 400 for all others. */
const STATUS_OF: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

type ServerDependencies = SocketDependencies & {
  config: { maxConnections: number };
  /** The application's request handler. */
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
};

/** Attaches all handlers of this file to the public listener. In a host's server: library/server-attachments.ts. */
export function attachServerEvents(server: Server, dependencies: ServerDependencies): void {
  server.on("request", (request, response) => void dependencies.handle(request, response));
  limitConnections(server, dependencies);
  // Request validation rejects a missing Host, with security headers and a log line; Node's own response has neither.
  Object.assign(server, { requireHostHeader: false });
  server.on("clientError", clientErrorListener(dependencies));
  server.on("connect", connectListener(dependencies));
  handleHandshakes(server, dependencies.handle, dependencies.log);
  handleExpect(server);
}

/** MAX_CONNECTIONS: idle connections take memory too. */
export function limitConnections(server: Server, { config, log }: Omit<ServerDependencies, "handle">): void {
  server.maxConnections = config.maxConnections;
  const throttled = createThrottledLog(LOG_REFUSED_CONNECTIONS_EVERY_MS);
  server.on("drop", () =>
    throttled(() => log.warn("connections refused: MAX_CONNECTIONS is reached", { count: config.maxConnections })),
  );
}

/** Responds to parser errors with a problem and the security headers, then closes the socket. */
export function clientErrorListener({ config, log }: SocketDependencies) {
  const reject = createSocketResponder(config, log);
  return function onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    // After a reset there is no reader, and a second head must not be written into a response in progress.
    if (networkErrorKind(error) === "reset" || !socket.writable || hasResponseInProgress(socket)) socket.destroy();
    else reject(socket, { status: STATUS_OF[error.code ?? ""] ?? 400, reason: error.code ?? "not HTTP" });
  };
}

export function connectListener({ config, log }: SocketDependencies) {
  const reject = createSocketResponder(config, log);
  return function onConnect(_request: IncomingMessage, socket: Duplex): void {
    reject(socket, { status: 405, reason: "CONNECT is not supported" });
  };
}

/**
 * Emits requests with `Expect` as ordinary requests: request validation checks the header, and the reader of the body sends
 * 100 Continue, so that a rejected upload is never sent.
 */
function handleExpect(server: Server): void {
  server.on("checkContinue", (request, response) => server.emit("request", request, response));
  server.on("checkExpectation", (request, response) => server.emit("request", request, response));
}

/** Reads Node's internal reference from a socket to its current response. */
function hasResponseInProgress(socket: Duplex): boolean {
  const response: unknown = "_httpMessage" in socket ? socket._httpMessage : undefined;
  return (
    typeof response === "object" && response !== null && "headersSent" in response && response.headersSent === true
  );
}

export function createSocketResponder(config: HostPolicy, log: Log) {
  const list = securityHeaderList(config);
  let fixed =
    "Content-Type: application/problem+json; charset=utf-8\r\nCache-Control: no-store\r\nConnection: close\r\n";
  for (let at = 0; at < list.length; at += 2) fixed += `${list[at]}: ${list[at + 1]}\r\n`;
  return function respondOnSocket(socket: Duplex, { status, reason }: { status: number; reason: string }): void {
    const requestId = randomUUID();
    const code = status === 405 ? "method_not_allowed" : status === 413 ? "payload_too_large" : "request_malformed";
    const error = new GatewayError(code, { status, reason });
    log.security("request_rejected", { requestId, status, code, reason });
    const body = JSON.stringify(problemOf(error, requestId));
    // Without a listener an error event would end the process.
    socket.on("error", () => socket.destroy());
    const allow = status === 405 ? "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n" : "";
    const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Error"}\r\n${fixed}${allow}X-Request-Id: ${requestId}\r\nDate: ${new Date().toUTCString()}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
    socket.end(head + body, () => socket.destroy());
  };
}
