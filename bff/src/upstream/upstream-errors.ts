// Classifies the errors of an upstream connection: error code for the browser, circuit breaker, retry.
import { GatewayError } from "../errors.ts";
import { networkErrorKind } from "../lib/network-errors.ts";
import type { ConnectionTrace } from "./connection.ts";
import type { UpstreamOutcome } from "./upstream-stats.ts";

/** RFC 9110 §9.2.2. */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/** @returns upstream_timeout or upstream_unreachable; a GatewayError is returned unchanged */
export function upstreamError(error: Error): GatewayError {
  if (error instanceof GatewayError) return error;
  const kind = networkErrorKind(error);
  const isTimeout = kind === "timeout" || kind === "connect_timeout";
  return new GatewayError(isTimeout ? "upstream_timeout" : "upstream_unreachable", { cause: error });
}

/** The counter for a request that is responded to with this error. */
export function outcomeOf({ code }: GatewayError): UpstreamOutcome {
  if (code === "payload_too_large") return "body_rejected";
  if (code === "upstream_timeout") return "timeout";
  // Other codes replace a complete response of the upstream, such as step_up_required.
  return code === "upstream_unreachable" ? "unreachable" : "complete";
}

/**
 * Whether the connection could not be established (refused, timed out, TLS).
 * @param trace of the connection that the request was sent on; undefined if it was not sent
 */
export function isConnectError(error: Error, trace: ConnectionTrace | undefined): boolean {
  if (trace !== undefined || error instanceof GatewayError) return false;
  const kind = networkErrorKind(error);
  // A stream that closed early is the browser's request body.
  return kind !== undefined && kind !== "premature_close";
}

export function isRepeatable(method: string, hasBody: boolean): boolean {
  return !hasBody && IDEMPOTENT.has(method);
}

/**
 * Whether the upstream closed a kept-alive connection before it received the request: the connection had served another
 * request, and no byte was received since. A new connection that breaks does not qualify: the request may be the cause.
 */
export function isStaleConnection(error: Error, trace: ConnectionTrace | undefined): boolean {
  const kind = networkErrorKind(error);
  const isClosed = kind === "closed" || kind === "reset";
  return isClosed && trace !== undefined && trace.isReused && !trace.hasReceivedBytes();
}
