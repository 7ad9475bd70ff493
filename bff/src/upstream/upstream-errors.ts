// What an error of an upstream's connection means: for the browser, for the address, and for a second attempt.
import { GatewayError } from "../errors.ts";
import type { Traces } from "./connection.ts";
import type { UpstreamOutcome } from "./upstream-stats.ts";

const TIMEOUTS: ReadonlySet<string> = new Set(["UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "ETIMEDOUT"]);
const BROKEN: ReadonlySet<string> = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"]);
/** RFC 9110 §9.2.2: doing it twice is as good as doing it once. */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

export function upstreamError(error: Error): GatewayError {
  if (error instanceof GatewayError) return error;
  return new GatewayError(TIMEOUTS.has(codeOf(error)) ? "upstream_timeout" : "upstream_unreachable", { cause: error });
}

/** What is counted where that error is answered instead of the upstream's answer. */
export function outcomeOf({ code }: GatewayError): UpstreamOutcome {
  if (code === "payload_too_large") return "body_refused";
  if (code === "upstream_timeout") return "timeout";
  // Anything else was made of an answer.
  return code === "upstream_unreachable" ? "unreachable" : "complete";
}

/** @param traces of the connection that the request was sent on; undefined: it was never sent */
export function isConnectFault(error: Error, traces: Traces | undefined): boolean {
  if (traces !== undefined || error instanceof GatewayError) return false;
  const code = codeOf(error);
  // Other codes of undici, and those of streams, are about the request or about our own end.
  return code === "UND_ERR_CONNECT_TIMEOUT" || (code !== "" && !/^(UND_ERR|ERR_STREAM|ERR_HTTP)/.test(code));
}

export function isRepeatable(method: string, hasBody: boolean): boolean {
  return !hasBody && IDEMPOTENT.has(method);
}

/**
 * Whether the upstream had already closed the connection that the request was sent on: it was kept alive for a while,
 * and not one byte came back. A fresh connection that breaks was broken over this very request.
 */
export function isStaleConnection(error: Error, traces: Traces | undefined): boolean {
  return traces !== undefined && traces.isReused && BROKEN.has(codeOf(error)) && !traces.isAnswered();
}

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "";
}
