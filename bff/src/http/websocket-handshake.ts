// Routes WebSocket handshakes through the middleware chain as ordinary requests with a response on their socket, so that
// validation, CSRF, session, errors and log apply to them without special cases.
import { ServerResponse, type IncomingMessage, type Server } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { RouteKind } from "../lib/paths.ts";
import type { Log } from "../logging/log.ts";

export type Handshake = {
  /** Bytes after the handshake and before the response: forbidden by RFC 6455 §4.1 (request smuggling). */
  hasEarlyBytes: boolean;
  /** Detaches the socket for the tunnel. Call it after the 101 has been sent. */
  takeSocket(): Socket;
};

type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Time for the browser to read a rejection before the socket is destroyed. */
const LINGER_MS = 2_000;
const SWITCHING_PROTOCOLS = 101;
const EARLY_BYTES = "bytes before the response to the handshake";

const handshakes = new WeakMap<IncomingMessage, Handshake>();

/** @returns undefined if Node did not emit the request as a WebSocket upgrade */
export function handshakeOf(request: IncomingMessage): Handshake | undefined {
  return handshakes.get(request);
}

/** Marks a request as a handshake that another server accepts: a forward-auth call describes it. */
export function describeHandshake(request: IncomingMessage): void {
  handshakes.set(request, DESCRIBED);
}

const DESCRIBED: Handshake = {
  hasEarlyBytes: false,
  takeSocket() {
    throw new TypeError("a described handshake has no socket");
  },
};

/** Calls `handle` for WebSocket handshakes. */
export function handleHandshakes(server: Server, handle: Handle, log: Pick<Log, "security">): void {
  // Read by Node since 22.21, not yet in its types. Requests with another Upgrade (h2c from Java's HttpClient) stay ordinary
  // requests, which request validation rejects.
  Object.assign(server, { shouldUpgradeCallback: isWebSocket });
  server.on("upgrade", handshakeListener(handle, log));
}

/** @returns a listener for "upgrade" events of requests with `Upgrade: websocket` */
export function handshakeListener(handle: Handle, log: Pick<Log, "security">) {
  return function onHandshake(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (!(socket instanceof Socket) || hasOpenResponse(socket)) {
      socket.destroy();
      log.security("request_rejected", { reason: "a WebSocket handshake pipelined behind an open response" });
      return;
    }
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.once("finish", () => {
      if (response.statusCode !== SWITCHING_PROTOCOLS) closeSoon(socket);
    });
    const onEarlyBytes = () => log.security("request_rejected", { reason: EARLY_BYTES });
    handshakes.set(request, createHandshake(socket, head.length > 0, onEarlyBytes));
    void handle(request, response);
  };
}

export function isWebSocket({ headers }: Pick<IncomingMessage, "headers">): boolean {
  return headers.upgrade?.toLowerCase() === "websocket";
}

/** Reads Node's internal reference from a socket to its current response. Two responses on it would be mixed. */
function hasOpenResponse(socket: Socket): boolean {
  return "_httpMessage" in socket && socket._httpMessage !== null && socket._httpMessage !== undefined;
}

/** Reads the socket until the tunnel takes it, to detect early bytes and a browser that disconnects. */
function createHandshake(socket: Socket, hasEarlyBytes: boolean, onEarlyBytes: () => void): Handshake {
  const destroy = (): void => void socket.destroy();
  const checkReadable = (): void => {
    if (socket.readableLength === 0) {
      socket.read();
      return;
    }
    onEarlyBytes();
    destroy();
  };
  socket.on("error", destroy).on("end", destroy).on("readable", checkReadable);
  return {
    hasEarlyBytes,
    takeSocket: () => socket.off("end", destroy).off("readable", checkReadable),
  };
}

function closeSoon(socket: Socket): void {
  socket.end();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once("close", () => clearTimeout(timer));
}

export type HandshakeError = { status: number; reason: string };

/** Sec-WebSocket-Key: 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/** Checks a handshake by RFC 6455 §4.2.1. Host, Origin and session are checked by other middlewares. */
export function inspectHandshake(request: IncomingMessage, kind: RouteKind): HandshakeError | undefined {
  const { headers, method } = request;
  const handshake = handshakes.get(request);
  if (handshake === undefined || method !== "GET" || kind !== "upstream")
    return { status: 400, reason: "unsupported Upgrade" };
  if (headers["sec-websocket-version"] !== "13") return { status: 426, reason: "not WebSocket version 13" };
  const key = headers["sec-websocket-key"];
  if (key === undefined || !KEY.test(key)) return { status: 400, reason: "Sec-WebSocket-Key is not 16 bytes" };
  return handshake.hasEarlyBytes ? { status: 400, reason: EARLY_BYTES } : undefined;
}
