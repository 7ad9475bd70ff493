// The open WebSocket tunnels of an instance: connection quota per upstream and session, closing them all on shutdown.
import type { UpstreamConfig } from "../../config/config.ts";
import { GatewayError } from "../../errors.ts";
import { acquireQuota, createInFlightTable } from "../../lib/in-flight.ts";
import { GOING_AWAY, type Tunnel } from "./tunnel.ts";

export type Tunnels = {
  /**
   * Acquires a connection before the handshake is forwarded, so that pending handshakes count too.
   * @param key of the session, or of the client with its own access token
   * @returns a function that releases it
   * @throws GatewayError too_many_connections
   */
  acquire(upstream: UpstreamConfig, key: string | undefined): () => void;
  add(tunnel: Tunnel): void;
  count(): number;
  /** Graceful shutdown: closes all tunnels with 1001 and rejects new ones. Resolves when all have ended. */
  closeAll(): Promise<void>;
};

export function createTunnels(): Tunnels {
  const counters = createInFlightTable();
  const open = new Set<Tunnel>();
  let isClosed = false;

  return {
    acquire({ prefix, maxWebSockets, maxWebSocketsPerSession }, key) {
      if (isClosed) throw unavailable("the gateway is stopping");
      const limits = [
        { counter: counters.of(prefix), max: maxWebSockets, error: () => unavailable("maxWebSockets is reached") },
      ];
      if (key !== undefined)
        limits.push({
          counter: counters.of(`${prefix} ${key}`),
          max: maxWebSocketsPerSession,
          error: () => new GatewayError("too_many_connections", { reason: "maxWebSocketsPerSession is reached" }),
        });
      return acquireQuota(limits);
    },
    add(tunnel) {
      open.add(tunnel);
      void tunnel.ended.then(() => open.delete(tunnel));
      if (isClosed) tunnel.close("drain", GOING_AWAY, "the gateway is stopping");
    },
    count: () => open.size,
    async closeAll() {
      isClosed = true;
      for (const tunnel of open) tunnel.close("drain", GOING_AWAY, "the gateway is stopping");
      await Promise.all([...open].map(({ ended }) => ended));
    },
  };
}

/** 503: another instance may accept the connection. */
function unavailable(reason: string): GatewayError {
  return new GatewayError("too_many_connections", { status: 503, reason });
}
