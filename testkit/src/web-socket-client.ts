// WebSocket upstream and WebSocket client for tests of the gateway between them.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { WebSocket, WebSocketServer, type ClientOptions, type ServerOptions } from "ws";

export type SocketUpstream = {
  origin: string;
  /** Handshake requests, oldest first. */
  handshakes: IncomingMessage[];
  /** All WebSockets, oldest first, closed ones included. */
  sockets: WebSocket[];
  /** Open TCP connections. */
  connections: Set<Socket>;
  stop: () => void;
};

const echo = (socket: WebSocket): void => {
  socket.on("message", (message, isBinary) => socket.send(message, { binary: isBinary }));
};

/** Starts a WebSocket server, by default an echo server. @param options.rejectWith status of the response to every handshake */
export async function startSocketUpstream(
  onConnection: (socket: WebSocket, request: IncomingMessage) => void = echo,
  options: Omit<ServerOptions, "noServer"> & { rejectWith?: number; tls?: { cert: string; key: string } } = {},
): Promise<SocketUpstream> {
  const { rejectWith, tls, ...serverOptions } = options;
  const handshakes: IncomingMessage[] = [];
  const sockets: WebSocket[] = [];
  const connections = new Set<Socket>();
  const webSocketServer = new WebSocketServer({ noServer: true, ...serverOptions });
  const plain = (_request: IncomingMessage, response: ServerResponse) => void response.writeHead(426).end();
  const server = tls === undefined ? createServer(plain) : createTlsServer(tls, plain);
  server.on("connection", (connection) => {
    connections.add(connection);
    connection.once("close", () => connections.delete(connection));
  });
  server.on("upgrade", (request, socket, head) => {
    handshakes.push(request);
    if (rejectWith !== undefined) {
      const body = JSON.stringify({ rejected: rejectWith });
      socket.end(
        `HTTP/1.1 ${rejectWith} Rejected\r\nContent-Type: application/json\r\nSet-Cookie: a=b\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      return;
    }
    webSocketServer.handleUpgrade(request, socket, head, (webSocket) => {
      sockets.push(webSocket);
      webSocket.on("error", () => {});
      onConnection(webSocket, request);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    origin: `${tls === undefined ? "http://127.0.0.1" : "https://localhost"}:${(server.address() as AddressInfo).port}`,
    handshakes,
    sockets,
    connections,
    stop() {
      for (const connection of connections) connection.destroy();
      server.close();
    },
  };
}

export type Opened = {
  socket: WebSocket;
  /** Code and reason of the received Close frame; 1006 without one. */
  closed: Promise<{ code: number; reason: string }>;
  next: () => Promise<Buffer>;
};

type Address = { port: number; host: string };

/** Opens a WebSocket with the Origin of the app. Rejects with the status when the handshake is rejected. */
export async function openSocket(
  { port, host }: Address,
  path: string,
  { protocols = [], headers, ...options }: ClientOptions & { protocols?: string[] } = {},
): Promise<Opened> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, {
    ...options,
    headers: { Host: host, Origin: `http://${host}`, ...headers },
  });
  const messages: Buffer[] = [];
  let wake = (): void => {};
  socket.on("message", (message) => {
    messages.push(message as Buffer);
    wake();
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.once("close", (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  await once(socket, "open");
  socket.on("error", () => {});
  return {
    socket,
    closed,
    async next() {
      while (messages.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return messages.shift()!;
    },
  };
}
