// Workaround: keeps an error listener on every socket that ioredis opens. The listeners of ioredis are removed after the
// first error (`stream.once`), and a TLS socket can emit a second one: Node reports a rejected certificate, then the alert
// that the server sent because ioredis half-closed the connection during the handshake. Without a listener the second
// error ends the process.
import { SentinelConnector, StandaloneConnector } from "ioredis/built/connectors/index.js";
import type { ErrorEmitter } from "ioredis/built/connectors/AbstractConnector.js";

/**
 * Wraps `connect` of ioredis's two connectors. The option `Connector` would not suffice: the clients that ioredis creates
 * itself, of Sentinels and for the subscription of a Cluster, do not inherit it. Further calls have no effect.
 */
export function keepSocketErrorListeners(): void {
  for (const { prototype } of [StandaloneConnector, SentinelConnector]) {
    const { connect } = prototype;
    if (connect.name === connectWithErrorListener.name) continue;
    prototype.connect = connectWithErrorListener;
    async function connectWithErrorListener(this: StandaloneConnector & SentinelConnector, emitter: ErrorEmitter) {
      const socket = await connect.call(this, emitter);
      // The first error reaches ioredis's own listeners.
      socket.on("error", () => undefined);
      return socket;
    }
  }
}
