// TCP fault proxy, for example between a gateway and Redis: delays bytes, holds them back, drops them on open connections,
// or resets connections.
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export type FaultProxy = {
  readonly port: number;
  /** Forwards again, held bytes first. A connection that lost bytes stays silent. */
  clear: () => void;
  /** Delays bytes in both directions. */
  slow: (ms: number) => void;
  /** Holds bytes to the server until `clear`, also those of connections that the client closes meanwhile. */
  hold: () => void;
  /** Accepts connections and drops all bytes. */
  blackHole: () => void;
  /** Drops the bytes of currently open connections; new ones work. */
  blackHoleOpenOnes: () => void;
  /** Resets every connection (TCP RST). */
  reset: () => void;
  connections: () => number;
  stop: () => Promise<void>;
};

type Fault = { kind: "clear" } | { kind: "slow"; ms: number } | { kind: "held" } | { kind: "black-hole" };
type Lane = { push: (bytes: Buffer) => void; release: () => void; end: () => void };
type Connection = { client: Socket; target: Socket; toServer: Lane; toClient: Lane; isSilent: boolean };

export async function startFaultProxy(targetPort: number): Promise<FaultProxy> {
  let fault: Fault = { kind: "clear" };
  const connections = new Set<Connection>();
  const delayNow = (isToServer: boolean): number => {
    if (fault.kind === "slow") return fault.ms;
    return fault.kind === "held" && isToServer ? Infinity : 0;
  };
  const server = createServer((client) => {
    const target = connect(targetPort, "127.0.0.1");
    const connection: Connection = {
      ...{ client, target, isSilent: false },
      toServer: lane(target, () => delayNow(true)),
      toClient: lane(client, () => delayNow(false)),
    };
    connections.add(connection);
    const forward = (from: Socket, to: Lane) =>
      from.on("data", (bytes: Buffer) => {
        connection.isSilent ||= fault.kind === "black-hole";
        if (!connection.isSilent) to.push(bytes);
      });
    forward(client, connection.toServer);
    forward(target, connection.toClient);
    for (const socket of [client, target]) socket.setNoDelay(true).on("error", () => undefined);
    // Bytes that the client sent before it closed are still delivered.
    client.once("close", () => connection.toServer.end());
    target.once("close", () => {
      connection.toClient.end();
      connections.delete(connection);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  const resetAll = (): void => {
    for (const { client, target } of connections) {
      resetConnection(client);
      target.destroy();
    }
  };
  return {
    port: (server.address() as AddressInfo).port,
    clear: () => {
      fault = { kind: "clear" };
      for (const { toServer, toClient } of connections) for (const each of [toServer, toClient]) each.release();
    },
    slow: (ms) => (fault = { kind: "slow", ms }),
    hold: () => (fault = { kind: "held" }),
    blackHole: () => (fault = { kind: "black-hole" }),
    blackHoleOpenOnes: () => connections.forEach((each) => (each.isSilent = true)),
    reset: resetAll,
    connections: () => connections.size,
    stop: async () => {
      resetAll();
      server.close();
      await once(server, "close");
    },
  };
}

/** Resets the connection. A socket that is already shutting down is destroyed: a reset would fail and leak its handle. */
export function resetConnection(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/** One direction of a connection: writes bytes in order, each after its delay. */
function lane(to: Socket, delayMs: () => number): Lane {
  const queue: { bytes: Buffer; dueMs: number }[] = [];
  let hasEnded = false;
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    const nowMs = performance.now();
    for (let first = queue[0]; first !== undefined && first.dueMs <= nowMs; first = queue[0]) {
      to.write(first.bytes);
      queue.shift();
    }
    const [next] = queue;
    if (next === undefined && hasEnded) to.end();
    else if (next !== undefined && next.dueMs !== Infinity) timer = setTimeout(flush, next.dueMs - nowMs);
  };
  return {
    push: (bytes) => {
      queue.push({ bytes, dueMs: performance.now() + delayMs() });
      flush();
    },
    release: () => {
      for (const each of queue) each.dueMs = 0;
      flush();
    },
    end: () => {
      hasEnded = true;
      flush();
    },
  };
}
