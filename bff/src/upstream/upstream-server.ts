// One address of an upstream: its connections, how busy it is, and whether it has failed lately.
import { buildConnector } from "undici";
import { createBreaker, type Breaker } from "../lib/circuit-breaker.ts";
import type { UpstreamConfig } from "../config/config.ts";
import type { Log } from "../logging/log.ts";
import { boundedReads } from "./read-limits.ts";
import { ConnectionPool } from "./connection-pool.ts";

export type Address = {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly pool: ConnectionPool;
  readonly breaker: Breaker;
  /** What became of an attempt; says so when the address stops or begins to work. */
  report(isAlive: boolean, error?: Error): void;
  /** Requests that it has not finished answering. */
  inFlight: number;
};

export type AddressLog = Pick<Log, "info" | "warn">;

/** Larger answer heads are an upstream's mistake: 502. */
const MAX_HEADER_BYTES = 32_768;
/** Shorter than the 5 s after which Node, uvicorn and others close an idle connection under us. */
const KEEP_ALIVE_MS = 4_000;

/** A pool knows one origin: whatever a target says, the bearer cannot leave for another host (I6). */
export function createAddress(config: UpstreamConfig, baseUrl: string, log: AddressLog): Address {
  const { origin } = new URL(baseUrl);
  const pool = createPool(config, origin);
  const failuresToOpen = config.breakerFailures === 0 ? Infinity : config.breakerFailures;
  const breaker = createBreaker({ failuresToOpen, probeEveryMs: config.breakerOpenMs });
  // With several servers, the balancer skips one at its first failure.
  const failuresToLog = config.baseUrls.length > 1 ? 1 : failuresToOpen;
  const report = (isAlive: boolean, error?: Error): void => {
    const before = breaker.failures();
    breaker.report(isAlive);
    const line = { upstream: config.prefix, url: origin };
    if (isAlive && before >= failuresToLog) log.info("upstream marked healthy (circuit closed)", line);
    else if (!isAlive && before + 1 === failuresToLog)
      log.warn("upstream marked unhealthy (circuit open)", { ...line, error });
  };
  return { origin, pool, breaker, report, inFlight: 0 };
}

function createPool({ connectTimeoutMs, tls, maxConnections, ...timeouts }: UpstreamConfig, origin: string) {
  const connect = { timeout: connectTimeoutMs, ...tls, ...boundedReads(new URL(origin).protocol), allowH2: false };
  return new ConnectionPool(origin, {
    headersTimeout: timeouts.headersTimeoutMs,
    bodyTimeout: timeouts.bodyIdleTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    // One answer at a time on a connection: a confused upstream can only confuse itself.
    pipelining: 1,
    allowH2: false,
    connect: buildConnector(connect),
    maxConnections: maxConnections === 0 ? Infinity : maxConnections,
  });
}
