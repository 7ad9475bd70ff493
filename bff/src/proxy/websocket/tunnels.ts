// How many WebSockets may be open, and all of them together: to be counted, and closed when the gateway stops.
import type { UpstreamConfig } from "../../config/config.ts";
import { GatewayError } from "../../errors.ts";
import type { SessionKey } from "../../store/store.ts";
import { GOING_AWAY, type Tunnel } from "./tunnel.ts";

export type Tunnels = {
  /**
   * Call it before the upstream is asked: handshakes under way count too.
   * @returns how to give the place back
   * @throws GatewayError too_many_connections
   */
  takePlace(upstream: UpstreamConfig, key: SessionKey | undefined): () => void;
  add(tunnel: Tunnel): void;
  count(): number;
  /** For a drain: browsers are told to go elsewhere, and whoever comes now is refused. */
  closeAll(): Promise<void>;
};

export function createTunnels(): Tunnels {
  const places = new Map<string, number>();
  const open = new Set<Tunnel>();
  let isClosed = false;

  const take = (name: string): void => void places.set(name, (places.get(name) ?? 0) + 1);
  const giveBack = (name: string): void => {
    const left = (places.get(name) ?? 0) - 1;
    if (left > 0) places.set(name, left);
    else places.delete(name);
  };
  return {
    takePlace({ prefix, maxWebSockets, maxWebSocketsPerSession }, key) {
      const ofSession = key === undefined ? prefix : `${prefix} ${key}`;
      const isFull = (places.get(prefix) ?? 0) >= maxWebSockets;
      if (isClosed || isFull) {
        const reason = isClosed ? "the gateway is stopping" : "maxWebSockets is reached";
        throw new GatewayError("too_many_connections", { status: 503, reason });
      }
      if (key !== undefined && (places.get(ofSession) ?? 0) >= maxWebSocketsPerSession)
        throw new GatewayError("too_many_connections", { reason: "maxWebSocketsPerSession is reached" });
      const names = key === undefined ? [prefix] : [prefix, ofSession];
      names.forEach(take);
      return () => names.splice(0).forEach(giveBack);
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
