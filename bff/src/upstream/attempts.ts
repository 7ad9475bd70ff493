// Attempts to send a request to an upstream: the server of a retry, and what is reported to the circuit breakers.
import type { ConnectionTrace } from "./connection.ts";
import { isConnectError, isStaleConnection } from "./upstream-errors.ts";
import type { UpstreamServer } from "./upstream-server.ts";
import type { Upstream } from "./upstreams.ts";

/**
 * Another server, or the same one if the kept-alive connection was stale (decision 0010). The request's acquisition of
 * `server` passes to the result.
 * @returns undefined if the request must not be retried
 */
export function serverForRetry(
  { balancer }: Upstream,
  server: UpstreamServer,
  error: Error,
  trace: ConnectionTrace | undefined,
): UpstreamServer | undefined {
  const isStale = isStaleConnection(error, trace);
  if (!isStale && !isConnectError(error, trace)) return undefined;
  const other = balancer.acquireOther(server);
  if (other === undefined) return isStale ? server : undefined;
  balancer.release(server);
  return other;
}

/** Closes the circuit on a successful connection, without waiting for the response, if no status counts as a failure. */
export function reportConnected(upstream: Upstream, server: UpstreamServer): void {
  if (server.breaker.failures() > 0 && upstream.config.breakerStatuses.length === 0) server.report(true);
}

/** Any response is a success for the circuit breaker, except the statuses in `breakerStatuses`. */
export function reportHealth(upstream: Upstream, server: UpstreamServer, status: number): void {
  const { breakerStatuses } = upstream.config;
  const isFailure = breakerStatuses.length > 0 && breakerStatuses.includes(status);
  if (isFailure || server.breaker.failures() > 0) server.report(!isFailure);
}
