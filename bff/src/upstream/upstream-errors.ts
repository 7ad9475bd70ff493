// Classifies the errors of an upstream connection: error code for the browser, circuit breaker, retry.
import { GatewayError } from "../errors.ts";
import type { ConnectionTrace } from "./connection.ts";
import type { UpstreamOutcome } from "./upstream-stats.ts";

const TIMEOUTS: ReadonlySet<string> = new Set(["UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "ETIMEDOUT"]);
const CONNECTION_CLOSED: ReadonlySet<string> = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"]);
/** RFC 9110 §9.2.2. */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/** @returns upstream_timeout or upstream_unreachable; a GatewayError is returned unchanged */
export function upstreamError(error: Error): GatewayError {
  if (error instanceof GatewayError) return error;
  return new GatewayError(TIMEOUTS.has(codeOf(error)) ? "upstream_timeout" : "upstream_unreachable", { cause: error });
}

/** The counter for a request that is responded to with this error. */
export function outcomeOf({ code }: GatewayError): UpstreamOutcome {
  if (code === "payload_too_large") return "body_refused";
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
  const code = codeOf(error);
  // Other codes of undici and of streams concern the request or the browser's side.
  return code === "UND_ERR_CONNECT_TIMEOUT" || (code !== "" && !/^(UND_ERR|ERR_STREAM|ERR_HTTP)/.test(code));
}

export function isRepeatable(method: string, hasBody: boolean): boolean {
  return !hasBody && IDEMPOTENT.has(method);
}

/**
 * Whether the upstream closed a kept-alive connection before it received the request: the connection had served another
 * request, and no byte was received since. A new connection that breaks does not qualify: the request may be the cause.
 */
export function isStaleConnection(error: Error, trace: ConnectionTrace | undefined): boolean {
  return trace !== undefined && trace.isReused && CONNECTION_CLOSED.has(codeOf(error)) && !trace.hasReceivedBytes();
}

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "";
}
