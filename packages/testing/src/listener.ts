// HTTP server that can stop and restart on the same port, for tests of outages.
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { Socket, type AddressInfo } from "node:net";

export type Listener = {
  readonly port: number;
  /** Stops listening and closes all connections. */
  down: () => Promise<void>;
  /** Listens again on the same port. */
  up: () => Promise<void>;
};

type ListenOptions = {
  host: string;
  port: number;
  /** Handles WebSocket handshakes. Default: they are ordinary requests. */
  upgrade?: (request: IncomingMessage, socket: Socket, head: Buffer) => void;
};

const keepAliveTimeoutMs = 75_000;

export async function listen(handler: RequestListener, { host, port, upgrade }: ListenOptions): Promise<Listener> {
  const server = createServer(handler);
  // closeAllConnections() does not close upgraded sockets.
  const upgraded = new Set<Socket>();
  if (upgrade !== undefined) {
    // A Node option that is missing in its types. Other upgrades, such as h2c, are ignored.
    const shouldUpgradeCallback = ({ headers }: IncomingMessage) => headers.upgrade?.toLowerCase() === "websocket";
    Object.assign(server, { shouldUpgradeCallback });
    server.on("upgrade", (request, socket, head) => {
      if (!(socket instanceof Socket)) return;
      upgraded.add(socket);
      socket.once("close", () => upgraded.delete(socket));
      upgrade(request, socket, head);
    });
  }
  // Longer than clients keep idle connections: avoids closing one while a request is being sent on it.
  server.keepAliveTimeout = keepAliveTimeoutMs;
  const open = (requestedPort: number) =>
    new Promise<number>((resolve, reject) => {
      server.once("error", reject);
      server.listen(requestedPort, host, () => {
        server.off("error", reject);
        resolve((server.address() as AddressInfo).port);
      });
    });
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
      for (const socket of upgraded) socket.destroy();
    });
  const boundPort = await open(port);
  return {
    port: boundPort,
    down: async () => {
      if (server.listening) await close();
    },
    up: async () => {
      if (!server.listening) await open(boundPort);
    },
  };
}
