// Graceful shutdown of the public server: no new connections, responses in flight complete, WebSockets are closed.
import type { Server } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

type WebSockets = { count: () => number; closeAll: () => Promise<unknown> };

/** Time for browsers to respond to the Close frame of a WebSocket (RFC 6455 §7.1.1). */
const CLOSE_TIMEOUT_MS = 1_000;
/** Connections become idle one by one; `closeIdleConnections` looks once. */
const SWEEP_INTERVAL_MS = 50;

/** Resolves when every connection is closed, after `timeoutMs` by force. */
export async function shutDownServer(server: Server, webSockets: WebSockets, timeoutMs: number): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  const sweep = setInterval(() => {
    server.closeIdleConnections();
    // WebSockets do not end by themselves: once nothing else is open, there is nothing to wait for.
    server.getConnections((_error, count) => {
      if (count <= webSockets.count()) void webSockets.closeAll();
    });
  }, SWEEP_INTERVAL_MS);
  await Promise.race([closed, sleep(timeoutMs)]);
  await Promise.race([webSockets.closeAll(), sleep(CLOSE_TIMEOUT_MS)]);
  clearInterval(sweep);
  server.closeAllConnections();
}
