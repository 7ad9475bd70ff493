// A TCP proxy between a gateway and its Redis that can do to the bytes what networks do: delay them, keep them and
// deliver them late, swallow them on an open connection, or cut it.
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export type FaultProxy = {
  readonly port: number;
  /** Everything passes again. What was held is delivered first; a connection that lost bytes stays silent for ever. */
  clear: () => void;
  /** Bytes arrive so much later, both ways. */
  slow: (ms: number) => void;
  /** Bytes to the server are kept until `clear`, also those of a connection that its owner has closed since. */
  hold: () => void;
  /** Connections stay open and are accepted, and nothing arrives any more. */
  blackHole: () => void;
  /** Only the connections that are open now go silent; new ones work. */
  blackHoleOpenOnes: () => void;
  /** A TCP reset on every connection. */
  reset: () => void;
  connections: () => number;
  stop: () => Promise<void>;
};

type Weather = { kind: "clear" } | { kind: "slow"; ms: number } | { kind: "held" } | { kind: "black-hole" };
type Lane = { push: (bytes: Buffer) => void; release: () => void; end: () => void };
type Connection = { near: Socket; far: Socket; toServer: Lane; toOwner: Lane; isSilent: boolean };

export async function startFaultProxy(targetPort: number): Promise<FaultProxy> {
  let weather: Weather = { kind: "clear" };
  const connections = new Set<Connection>();
  const delayNow = (holds: boolean): number => {
    if (weather.kind === "slow") return weather.ms;
    return weather.kind === "held" && holds ? Infinity : 0;
  };
  const server = createServer((near) => {
    const far = connect(targetPort, "127.0.0.1");
    const connection: Connection = {
      ...{ near, far, isSilent: false },
      toServer: lane(far, () => delayNow(true)),
      toOwner: lane(near, () => delayNow(false)),
    };
    connections.add(connection);
    const carry = (from: Socket, to: Lane) =>
      from.on("data", (bytes: Buffer) => {
        connection.isSilent ||= weather.kind === "black-hole";
        if (!connection.isSilent) to.push(bytes);
      });
    carry(near, connection.toServer);
    carry(far, connection.toOwner);
    for (const socket of [near, far]) socket.setNoDelay(true).on("error", () => undefined);
    // What its owner sent before it left still arrives.
    near.once("close", () => connection.toServer.end());
    far.once("close", () => {
      connection.toOwner.end();
      connections.delete(connection);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  const cut = (): void => {
    for (const { near, far } of connections) {
      resetConnection(near);
      far.destroy();
    }
  };
  return {
    port: (server.address() as AddressInfo).port,
    clear: () => {
      weather = { kind: "clear" };
      for (const { toServer, toOwner } of connections) for (const each of [toServer, toOwner]) each.release();
    },
    slow: (ms) => (weather = { kind: "slow", ms }),
    hold: () => (weather = { kind: "held" }),
    blackHole: () => (weather = { kind: "black-hole" }),
    blackHoleOpenOnes: () => connections.forEach((each) => (each.isSilent = true)),
    reset: cut,
    connections: () => connections.size,
    stop: async () => {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}

/** A socket that is shutting down cannot be reset any more: libuv refuses, and Node then keeps its handle for ever. */
export function resetConnection(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/** One direction of a connection: bytes leave in order, each not before its time. */
function lane(to: Socket, delayMs: () => number): Lane {
  const waiting: { bytes: Buffer; dueMs: number }[] = [];
  let hasEnded = false;
  let timer: NodeJS.Timeout | undefined;
  const pump = (): void => {
    clearTimeout(timer);
    const nowMs = performance.now();
    for (let first = waiting[0]; first !== undefined && first.dueMs <= nowMs; first = waiting[0]) {
      to.write(first.bytes);
      waiting.shift();
    }
    const [next] = waiting;
    if (next === undefined && hasEnded) to.end();
    else if (next !== undefined && next.dueMs !== Infinity) timer = setTimeout(pump, next.dueMs - nowMs);
  };
  return {
    push: (bytes) => {
      waiting.push({ bytes, dueMs: performance.now() + delayMs() });
      pump();
    },
    release: () => {
      for (const each of waiting) each.dueMs = 0;
      pump();
    },
    end: () => {
      hasEnded = true;
      pump();
    },
  };
}
