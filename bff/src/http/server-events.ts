// What Node does not hand over as a request: bytes that are not HTTP, WebSocket upgrades, CONNECT, and `Expect`.
import { randomUUID } from "node:crypto";
import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { GatewayError } from "../errors.ts";
import type { Log } from "../logging/log.ts";
import { createThrottledLog } from "../logging/throttled-log.ts";
import { problemOf } from "./error-response.ts";
import { carryHandshakes } from "./websocket-handshake.ts";
import { securityHeaderList } from "./security-headers.ts";

type SocketAnswerParts = { config: { publicOrigin: string }; log: Log };

const LOG_REFUSED_CONNECTIONS_EVERY_MS = 10_000;

/** Codes of Node's parser that deserve another status than 400. */
const STATUS_OF: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

type ServerParts = SocketAnswerParts & {
  config: { maxConnections: number };
  /** The app. */
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
};

/** All of the below: the one call that every listener of the gateway needs. */
export function attachServerEvents(server: Server, parts: ServerParts): void {
  boundConnections(server, parts);
  answerClientError(server, parts);
  refuseConnect(server, parts);
  carryHandshakes(server, parts.handle, parts.log);
  handleExpect(server);
}

/** Each connection takes memory, also one that says nothing. */
function boundConnections(server: Server, { config, log }: ServerParts): void {
  server.maxConnections = config.maxConnections;
  const throttled = createThrottledLog(LOG_REFUSED_CONNECTIONS_EVERY_MS);
  server.on("drop", () =>
    throttled(() => log.warn("connections refused: MAX_CONNECTIONS is reached", { count: config.maxConnections })),
  );
}

/** What Node's parser refuses gets the same problem and security headers as everything else, and a closed socket. */
export function answerClientError(server: Server, { config, log }: SocketAnswerParts): void {
  const refuse = createRefusal(config.publicOrigin, log);
  // Node would answer a missing Host by itself, without our headers and log line; the front guard refuses it.
  Object.assign(server, { requireHostHeader: false });
  server.on("clientError", (error: NodeJS.ErrnoException & { bytesParsed?: number }, socket) => {
    // A reset is a browser that left, and an answer under way must not get a second head into its body.
    if (error.code === "ECONNRESET" || !socket.writable || hasAnswerUnderWay(socket)) socket.destroy();
    else refuse(socket, { status: STATUS_OF[error.code ?? ""] ?? 400, reason: error.code ?? "not HTTP" });
  });
}

export function refuseConnect(server: Server, { config, log }: SocketAnswerParts): void {
  const refuse = createRefusal(config.publicOrigin, log);
  server.on("connect", (_request, socket) => refuse(socket, { status: 405, reason: "CONNECT" }));
}

/**
 * Hands requests with `Expect` to the app like all others: the front guard judges the header, and "continue" is said
 * by whoever takes the body, so that a refused upload is never sent.
 */
export function handleExpect(server: Server): void {
  server.on("checkContinue", (request, response) => server.emit("request", request, response));
  server.on("checkExpectation", (request, response) => server.emit("request", request, response));
}

/** Node keeps the answer that is being written on the socket. */
function hasAnswerUnderWay(socket: Duplex): boolean {
  const answer: unknown = "_httpMessage" in socket ? socket._httpMessage : undefined;
  return typeof answer === "object" && answer !== null && "headersSent" in answer && answer.headersSent === true;
}

function createRefusal(publicOrigin: string, log: Log) {
  const list = securityHeaderList(publicOrigin);
  let fixed =
    "Content-Type: application/problem+json; charset=utf-8\r\nCache-Control: no-store\r\nConnection: close\r\n";
  for (let at = 0; at < list.length; at += 2) fixed += `${list[at]}: ${list[at + 1]}\r\n`;
  return function refuseSocket(socket: Duplex, { status, reason }: { status: number; reason: string }): void {
    const requestId = randomUUID();
    const code = status === 405 ? "method_not_allowed" : status === 413 ? "payload_too_large" : "request_malformed";
    const error = new GatewayError(code, { status, reason });
    log.security("request_rejected", { requestId, status, code, reason });
    const body = JSON.stringify(problemOf(error, requestId));
    // Without a listener a reset while we write would end the process.
    socket.on("error", () => socket.destroy());
    const allow = status === 405 ? "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n" : "";
    const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Error"}\r\n${fixed}${allow}X-Request-Id: ${requestId}\r\nDate: ${new Date().toUTCString()}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
    socket.end(head + body, () => socket.destroy());
  };
}
