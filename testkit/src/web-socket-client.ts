// Both ends of a WebSocket with a gateway in between: a real server behind it, a real client in front.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { WebSocket, WebSocketServer, type ClientOptions, type ServerOptions } from "ws";

export type SocketUpstream = {
  origin: string;
  /** Handshakes, oldest first. */
  asked: IncomingMessage[];
  /** Open or closed, oldest first. */
  sockets: WebSocket[];
  /** The TCP connections below. */
  connections: Set<Socket>;
  stop: () => void;
};

const echo = (socket: WebSocket): void => {
  socket.on("message", (message, isBinary) => socket.send(message, { binary: isBinary }));
};

/** @param refuse a status with which every handshake is refused */
export async function startSocketUpstream(
  onConnection: (socket: WebSocket, request: IncomingMessage) => void = echo,
  options: Omit<ServerOptions, "noServer"> & { refuse?: number; tls?: { cert: string; key: string } } = {},
): Promise<SocketUpstream> {
  const { refuse, tls, ...serverOptions } = options;
  const asked: IncomingMessage[] = [];
  const sockets: WebSocket[] = [];
  const connections = new Set<Socket>();
  const sockets13 = new WebSocketServer({ noServer: true, ...serverOptions });
  const plain = (_request: IncomingMessage, response: ServerResponse) => void response.writeHead(426).end();
  const server = tls === undefined ? createServer(plain) : createTlsServer(tls, plain);
  server.on("connection", (connection) => {
    connections.add(connection);
    connection.once("close", () => connections.delete(connection));
  });
  server.on("upgrade", (request, socket, head) => {
    asked.push(request);
    if (refuse !== undefined) {
      const body = JSON.stringify({ refused: refuse });
      socket.end(
        `HTTP/1.1 ${refuse} Refused\r\nContent-Type: application/json\r\nSet-Cookie: a=b\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      return;
    }
    sockets13.handleUpgrade(request, socket, head, (webSocket) => {
      sockets.push(webSocket);
      webSocket.on("error", () => {});
      onConnection(webSocket, request);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    origin: `${tls === undefined ? "http://127.0.0.1" : "https://localhost"}:${(server.address() as AddressInfo).port}`,
    asked,
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
  /** The Close frame that came, or 1006 where none did. */
  closed: Promise<{ code: number; reason: string }>;
  next: () => Promise<Buffer>;
};

type Address = { port: number; host: string };

/** Opens a WebSocket as the app's own page would. Rejects with the status of a refusal. */
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
