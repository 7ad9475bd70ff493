// One address of an upstream: its connections, how busy it is, and whether it has failed lately.
import { Pool, type Client, type buildConnector } from "undici";
import { createBreaker, type Breaker } from "../breaker.ts";
import type { UpstreamConfig } from "../config.ts";
import type { Log } from "../log.ts";
import { shaped } from "../client-shape.ts";
import { Connection } from "./connection.ts";

export type Address = {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly pool: Pool;
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
  const { maxConnections, http2, prefix } = config;
  const pool = new Pool(origin, {
    factory: (url, options) =>
      shaped(new Connection(url, options as Client.Options & { connect: buildConnector.connector })),
    connect: { timeout: config.connectTimeoutMs, ...config.tls, ...(http2 ? { preferH2: true } : {}) },
    // Over HTTP/2 one connection carries them all; how many requests run at once is bounded in balancer.ts.
    connections: maxConnections === 0 || http2 ? null : maxConnections,
    headersTimeout: config.headersTimeoutMs,
    bodyTimeout: config.bodyIdleTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    // One answer at a time on a connection: a confused upstream can only confuse itself.
    pipelining: 1,
    allowH2: http2,
  });
  const failuresToOpen = config.breakerFailures === 0 ? Infinity : config.breakerFailures;
  const breaker = createBreaker({ failuresToOpen, probeEveryMs: config.breakerOpenMs });
  // One of several is left alone at its first failure; balancer.ts says how.
  const failuresToTell = config.baseUrls.length > 1 ? 1 : failuresToOpen;
  const report = (isAlive: boolean, error?: Error): void => {
    const before = breaker.failures();
    breaker.report(isAlive);
    const line = { upstream: prefix, url: origin };
    if (isAlive && before >= failuresToTell) log.info("an address of an upstream works again", line);
    else if (!isAlive && before + 1 === failuresToTell)
      log.warn("an address of an upstream is left alone for a while", { ...line, error });
  };
  return { origin, pool, breaker, report, inFlight: 0 };
}
