// An HTTP listener that can go away and come back on the same port: what a test of an outage needs.
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { Socket, type AddressInfo } from "node:net";

export type Listener = {
  readonly port: number;
  /** Stops listening and cuts every connection; the port stays ours in name. */
  down: () => Promise<void>;
  /** Listens again on the same port. */
  up: () => Promise<void>;
};

type ListNode = {
  host: string;
  port: number;
  /** Takes WebSocket handshakes; absent: they are ordinary requests. */
  upgrade?: (request: IncomingMessage, socket: Socket, head: Buffer) => void;
};

const keepAliveTimeoutMs = 75_000;

export async function listen(handler: RequestListener, { host, port, upgrade }: ListNode): Promise<Listener> {
  const server = createServer(handler);
  // Node hands them over for good, and no longer counts them among its connections.
  const upgraded = new Set<Socket>();
  if (upgrade !== undefined) {
    // Read by Node at run time; its types do not know it yet. Whoever offers h2c is answered in HTTP/1.1.
    const shouldUpgradeCallback = ({ headers }: IncomingMessage) => headers.upgrade?.toLowerCase() === "websocket";
    Object.assign(server, { shouldUpgradeCallback });
    server.on("upgrade", (request, socket, head) => {
      if (!(socket instanceof Socket)) return;
      upgraded.add(socket);
      socket.once("close", () => upgraded.delete(socket));
      upgrade(request, socket, head);
    });
  }
  // Longer than any caller keeps an idle connection: else we close one just as a request is sent on it.
  server.keepAliveTimeout = keepAliveTimeoutMs;
  const open = (wanted: number) =>
    new Promise<number>((resolve, reject) => {
      server.once("error", reject);
      server.listen(wanted, host, () => {
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
  const bound = await open(port);
  return {
    port: bound,
    down: async () => {
      if (server.listening) await close();
    },
    up: async () => {
      if (!server.listening) await open(bound);
    },
  };
}
