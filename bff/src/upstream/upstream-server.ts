// One server of an upstream: its connection pool, its circuit breaker and its number of in-flight requests.
import { buildConnector } from "undici";
import { createBreaker, type Breaker } from "../lib/circuit-breaker.ts";
import type { UpstreamConfig } from "../config/config.ts";
import type { Log } from "../logging/log.ts";
import { boundedReads } from "./read-limits.ts";
import { createPoolByCertificate, type ReadCertificate } from "./client-certificate.ts";
import { ConnectionPool } from "./connection-pool.ts";

export type UpstreamServer = {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly pool: ConnectionPool;
  readonly breaker: Breaker;
  /** Reports the result of an attempt to the circuit breaker and logs changes of its state. */
  report(isAlive: boolean, error?: Error): void;
  /** Requests whose response has not ended. */
  inFlight: number;
};

export type UpstreamLog = Pick<Log, "info" | "warn">;

/** A larger response head is an upstream error: 502. */
const MAX_HEADER_BYTES = 32_768;
/** Below the 5 s after which Node, uvicorn and others close idle connections, so that the gateway closes them first. */
const KEEP_ALIVE_MS = 4_000;

type ServerDependencies = {
  log: UpstreamLog;
  /** The certificate that the tokens of this upstream are bound to; undefined: `certFile` of the row. */
  certificate?: ReadCertificate | undefined;
};

/** The pool connects to one origin, so that no request target can send the bearer to another host (I6). */
export function createUpstreamServer(
  config: UpstreamConfig,
  baseUrl: string,
  { log, certificate }: ServerDependencies,
): UpstreamServer {
  const { origin } = new URL(baseUrl);
  const failuresToOpen = config.breakerFailures === 0 ? Infinity : config.breakerFailures;
  const breaker = createBreaker({ failuresToOpen, probeEveryMs: config.breakerOpenMs });
  // With several servers the balancer skips one after its first failure.
  const failuresToLog = config.baseUrls.length > 1 ? 1 : failuresToOpen;
  const report = (isAlive: boolean, error?: Error): void => {
    const before = breaker.failures();
    breaker.report(isAlive);
    const fields = { upstream: config.prefix, url: origin };
    if (isAlive && before >= failuresToLog) log.info("upstream marked healthy (circuit closed)", fields);
    else if (!isAlive && before + 1 === failuresToLog)
      log.warn("upstream marked unhealthy (circuit open)", { ...fields, error });
  };
  if (certificate === undefined) return { origin, pool: createPool(config, origin), breaker, report, inFlight: 0 };
  const poolOf = createPoolByCertificate(certificate, ({ cert, key }) =>
    createPool({ ...config, tls: { ...config.tls, cert, key } }, origin),
  );
  return {
    ...{ origin, breaker, report, inFlight: 0 },
    get pool() {
      return poolOf();
    },
  };
}

function createPool({ connectTimeoutMs, tls, maxConnections, ...timeouts }: UpstreamConfig, origin: string) {
  const connect = { timeout: connectTimeoutMs, ...tls, ...boundedReads(new URL(origin).protocol), allowH2: false };
  return new ConnectionPool(origin, {
    headersTimeout: timeouts.headersTimeoutMs,
    bodyTimeout: timeouts.bodyIdleTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    // One request per connection at a time: a wrong response cannot reach another request in the same pipeline.
    pipelining: 1,
    allowH2: false,
    connect: buildConnector(connect),
    maxConnections: maxConnections === 0 ? Infinity : maxConnections,
  });
}
