// A WebSocket handshake on its way through the app. It travels like any other request, with an answer that is written
// to its socket: so guards, session, errors and log are the same for both, and none can be forgotten.
import { ServerResponse, type IncomingMessage, type Server } from "node:http";
import { Socket } from "node:net";
import type { Log } from "../logging/log.ts";
import { isBelow } from "../lib/paths.ts";

export type Handshake = {
  /** RFC 6455 §4.1: nothing may follow before the answer. Early bytes have become a second request elsewhere. */
  hasEarlyBytes: boolean;
  /** Hands the socket over, for good: call it when the handshake has succeeded. */
  takeSocket(): Socket;
};

type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** After a refusal: time for the browser to read it before the connection is closed under it. */
const LINGER_MS = 2_000;
const SWITCHING_PROTOCOLS = 101;
const EARLY_BYTES = "bytes before the handshake was answered";

const handshakes = new WeakMap<IncomingMessage, Handshake>();

/** @returns undefined for everything that Node did not take off its ordinary way as a WebSocket upgrade. */
export function handshakeOf(request: IncomingMessage): Handshake | undefined {
  return handshakes.get(request);
}

/** Hands handshakes to the app like all other requests. */
export function carryHandshakes(server: Server, handle: Handle, log: Pick<Log, "security">): void {
  // Node reads this property at run time (22.21); its types do not know it yet. Any other Upgrade (h2c from Java's
  // HttpClient) never leaves the ordinary way, where the front guard meets it.
  Object.assign(server, { shouldUpgradeCallback: isWebSocket });
  server.on("upgrade", (request, socket, head) => {
    if (!(socket instanceof Socket) || isAnswering(socket)) {
      socket.destroy();
      log.security("request_rejected", { reason: "a WebSocket behind a request that is not answered yet" });
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
  });
}

function isWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === "websocket";
}

/** Node keeps the answer that is next on the socket. No browser pipelines, and two answers would be mixed. */
function isAnswering(socket: Socket): boolean {
  return "_httpMessage" in socket && socket._httpMessage !== null && socket._httpMessage !== undefined;
}

/** Until it is taken nobody reads the socket, and so nobody would notice that the browser has left. */
function createHandshake(socket: Socket, hasEarlyBytes: boolean, onEarlyBytes: () => void): Handshake {
  const leave = (): void => void socket.destroy();
  const look = (): void => {
    if (socket.readableLength === 0) {
      socket.read();
      return;
    }
    onEarlyBytes();
    leave();
  };
  socket.on("error", leave).on("end", leave).on("readable", look);
  return {
    hasEarlyBytes,
    takeSocket: () => socket.off("end", leave).off("readable", look),
  };
}

function closeSoon(socket: Socket): void {
  socket.end();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once("close", () => clearTimeout(timer));
}

export type HandshakeFault = { status: number; reason: string };

/** 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/** What RFC 6455 §4.2.1 asks of a handshake, and where we take one. Host, Origin and session are asked elsewhere. */
export function inspectHandshake(request: IncomingMessage): HandshakeFault | undefined {
  const { headers, method, url = "" } = request;
  const handshake = handshakes.get(request);
  if (handshake === undefined || method !== "GET" || !isBelow(url, "/api"))
    return { status: 400, reason: "an Upgrade that is not offered" };
  if (headers["sec-websocket-version"] !== "13") return { status: 426, reason: "not WebSocket version 13" };
  const key = headers["sec-websocket-key"];
  if (key === undefined || !KEY.test(key)) return { status: 400, reason: "Sec-WebSocket-Key is not 16 bytes" };
  return handshake.hasEarlyBytes ? { status: 400, reason: EARLY_BYTES } : undefined;
}
