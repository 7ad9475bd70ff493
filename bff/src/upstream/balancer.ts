// Load balancer of one upstream: least in-flight requests, with a bounded queue while all servers are busy.
import type { ServerResponse } from "node:http";
import type { UpstreamConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import type { UpstreamServer } from "./upstream-server.ts";

export type Balancer = {
  /**
   * Acquires a server for one request; the caller must release it.
   * @param isRepeatable whether the request can be retried at another server if this one cannot be connected to
   * @returns undefined if all servers are at `maxConnections` or other requests are queued
   * @throws GatewayError upstream_unavailable if the circuits of all servers are open
   */
  acquire(isRepeatable: boolean): UpstreamServer | undefined;
  /** Acquires a different server for a retry. @returns undefined if no other server is available */
  acquireOther(than: UpstreamServer): UpstreamServer | undefined;
  /**
   * Queues the request until a server is free, for `queueTimeoutMs` at most.
   * @returns undefined if the browser closed the connection
   * @throws GatewayError upstream_unavailable if the queue is full or the time has passed
   */
  acquireWhenFree(response: ServerResponse): Promise<UpstreamServer | undefined>;
  release(server: UpstreamServer): void;
  /** Number of queued requests. */
  queued(): number;
};

type Limits = Pick<UpstreamConfig, "maxConnections" | "maxQueued" | "queueTimeoutMs" | "breakerFailures">;
type QueuedRequest = { grant: (server: UpstreamServer) => void; reject: (error: GatewayError) => void };

/** @param onRejected called for each request that gets no server */
// oxlint-disable-next-line max-lines-per-function -- a factory: its functions share state and are short
export function createBalancer(servers: readonly UpstreamServer[], limits: Limits, onRejected: () => void): Balancer {
  const { maxQueued, queueTimeoutMs } = limits;
  const max = limits.maxConnections === 0 ? Infinity : limits.maxConnections;
  const queue = new Set<QueuedRequest>();
  const choose =
    servers.length === 1 && servers[0] ? chooseOnly(servers[0], max) : chooseLeastBusy(servers, max, limits);

  const count = (server: UpstreamServer | undefined): UpstreamServer | undefined => {
    if (server !== undefined) server.inFlight++;
    return server;
  };
  const serveQueue = (): void => {
    for (const queued of queue) {
      try {
        const server = count(choose({ isRepeatable: true }));
        if (server === undefined) return;
        queued.grant(server);
      } catch (error) {
        queued.reject(error as GatewayError);
      }
    }
  };
  return {
    acquire(isRepeatable) {
      if (queue.size > 0) return undefined;
      try {
        return count(choose({ isRepeatable }));
      } catch (error) {
        onRejected();
        throw error;
      }
    },
    acquireOther(than) {
      try {
        return queue.size > 0 || servers.length === 1
          ? undefined
          : count(choose({ except: than, isRepeatable: false }));
      } catch {
        // The response reports the error of the first attempt.
        return undefined;
      }
    },
    async acquireWhenFree(response) {
      if (queue.size >= maxQueued) {
        onRejected();
        throw noConnection("maxQueued requests wait for a connection to the upstream");
      }
      return new Promise((resolve, reject) => {
        const dequeue = (): void => {
          queue.delete(queued);
          clearTimeout(timer);
          response.off("close", onBrowserGone);
        };
        const onBrowserGone = (): void => {
          dequeue();
          resolve(undefined);
        };
        const queued: QueuedRequest = {
          grant(server) {
            dequeue();
            resolve(server);
          },
          reject(error) {
            dequeue();
            onRejected();
            reject(error);
          },
        };
        const timer = setTimeout(
          () => queued.reject(noConnection("no connection to the upstream became free within queueTimeoutMs")),
          queueTimeoutMs,
        );
        queue.add(queued);
        response.once("close", onBrowserGone);
      });
    },
    release(server) {
      server.inFlight--;
      if (queue.size > 0) serveQueue();
    },
    queued: () => queue.size,
  };
}

/** @returns undefined if all servers are busy. @throws GatewayError upstream_unavailable if all circuits are open */
type Choose = (request: { except?: UpstreamServer; isRepeatable: boolean }) => UpstreamServer | undefined;

function chooseOnly(server: UpstreamServer, max: number): Choose {
  return () => {
    if (server.inFlight >= max) return undefined;
    if (server.breaker.isOpen()) throw circuitOpen([server]);
    return server;
  };
}

/**
 * Chooses the healthy server with the fewest in-flight requests. A server is skipped after its first failed connection;
 * one request per `breakerOpenMs` probes it. If all have failed, the server with the fewest failures is used until it
 * reaches `breakerFailures`, so that a rolling restart of the servers opens no circuit.
 */
function chooseLeastBusy(servers: readonly UpstreamServer[], max: number, { breakerFailures }: Limits): Choose {
  let next = 0;
  const leastFailed = (except: UpstreamServer | undefined): UpstreamServer | undefined => {
    const failuresToOpen = breakerFailures === 0 ? Infinity : breakerFailures;
    return servers
      .filter((server) => server !== except && server.inFlight < max && server.breaker.failures() < failuresToOpen)
      .toSorted((a, b) => a.breaker.failures() - b.breaker.failures())[0];
  };
  return ({ except, isRepeatable }) => {
    // Round robin among servers with equally many in-flight requests.
    next = (next + 1) % servers.length;
    let best: UpstreamServer | undefined;
    let hasHealthy = false;
    for (let step = 0; step < servers.length; step++) {
      const server = servers[(next + step) % servers.length];
      if (server === undefined || server === except) continue;
      const isHealthy = server.breaker.failures() === 0;
      hasHealthy ||= isHealthy;
      if (server.inFlight >= max) continue;
      // A write that fails as a probe cannot be retried: it probes only if no repeatable request does.
      if (!isHealthy && server.breaker.acquireProbe(!isRepeatable)) return server;
      if (isHealthy && (best === undefined || server.inFlight < best.inFlight)) best = server;
    }
    if (best !== undefined || hasHealthy) return best;
    const fallback = leastFailed(except);
    if (fallback === undefined) throw circuitOpen(servers);
    return fallback;
  };
}

function noConnection(reason: string): GatewayError {
  return new GatewayError("upstream_unavailable", { reason, retryAfterSeconds: 1 });
}

function circuitOpen(servers: readonly UpstreamServer[]): GatewayError {
  const retryAfterMs = Math.min(...servers.map(({ breaker }) => breaker.retryAfterMs()));
  return new GatewayError("upstream_unavailable", {
    reason: "circuit open: several connections to the upstream in a row failed",
    retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMs / 1000)),
  });
}
