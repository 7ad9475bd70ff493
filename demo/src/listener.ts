// An HTTP listener that can go away and come back on the same port: what a test of an outage needs.
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";

export type Listener = {
  readonly port: number;
  /** Stops listening and cuts every connection; the port stays ours in name. */
  down: () => Promise<void>;
  /** Listens again on the same port. */
  up: () => Promise<void>;
};

const keepAliveTimeoutMs = 75_000;

export async function listen(
  handler: RequestListener,
  { host, port }: { host: string; port: number },
): Promise<Listener> {
  const server = createServer(handler);
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
