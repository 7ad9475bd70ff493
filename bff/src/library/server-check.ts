// Options of the host's server that the gateway relies on: one sentence per wrong one. What breaks a security guarantee is a
// fault, what costs availability a warning.
import type { Server } from "node:http";

type CheckedServer = {
  insecureHTTPParser?: unknown;
  joinDuplicateHeaders?: unknown;
  maxHeaderSize?: unknown;
  headersTimeout?: unknown;
  requestTimeout?: unknown;
  keepAliveTimeout?: unknown;
  timeout?: unknown;
  listenerCount?: (event: string) => number;
};

export type ServerProblems = { faults: string[]; warnings: string[] };

/** Proxies keep idle connections up to 60 s: a server that closes first makes them fail now and then (502). */
const PROXY_IDLE_MS = 60_000;
const MAX_HEADER_BYTES = 65_536;
/** The limit of the gateway's own server, and of Node. */
const MIN_HEADER_BYTES = 16_384;
const MAX_HEADERS_TIMEOUT_MS = 120_000;

type Circumstances = {
  /** TRUSTED_PROXIES is set. */
  isBehindProxy: boolean;
  /** Options of Node itself: `process.execArgv` and NODE_OPTIONS. */
  nodeOptions: readonly string[];
  /** `maxHeaderSize` of node:http: the limit of servers without an own one (`--max-http-header-size`). */
  maxHeaderSizeOfNode: number;
};

export function checkServer(
  server: Server | CheckedServer,
  { isBehindProxy, nodeOptions, maxHeaderSizeOfNode }: Circumstances,
): ServerProblems {
  const faults: string[] = [];
  const warnings: string[] = [];
  if (!isHttp1(server)) {
    const cure = "Pass a server of node:http or node:https";
    return { faults: [`The server does not speak HTTP/1.1, which the gateway requires. ${cure}.`], warnings };
  }
  const { insecureHTTPParser, joinDuplicateHeaders, maxHeaderSize } = server;
  const { headersTimeout, requestTimeout, keepAliveTimeout, timeout } = server;
  if (insecureHTTPParser === true || nodeOptions.some((each) => each.startsWith("--insecure-http-parser")))
    faults.push("insecureHTTPParser accepts requests that upstreams read differently (request smuggling). Remove it.");
  if (joinDuplicateHeaders === true)
    faults.push(
      "joinDuplicateHeaders hides that a header was sent twice, which the gateway rejects for Host and Authorization. Remove it.",
    );
  const headerBytes = typeof maxHeaderSize === "number" ? maxHeaderSize : maxHeaderSizeOfNode;
  if (headerBytes > MAX_HEADER_BYTES)
    warnings.push(`maxHeaderSize is ${headerBytes}: upstreams reject such requests. Set 16384.`);
  if (headerBytes < MIN_HEADER_BYTES)
    warnings.push(`maxHeaderSize is ${headerBytes}: browsers with several large cookies get 431. Set 16384.`);
  if (typeof headersTimeout === "number" && (headersTimeout === 0 || headersTimeout > MAX_HEADERS_TIMEOUT_MS))
    warnings.push(
      `headersTimeout is ${headersTimeout} ms: slow request heads occupy connections (slow-loris). Set 15000.`,
    );
  if (typeof requestTimeout === "number" && requestTimeout > 0)
    warnings.push(
      `requestTimeout ends uploads after ${requestTimeout / 1000} s. Set 0: the gateway ends uploads that stall.`,
    );
  if (isBehindProxy && typeof keepAliveTimeout === "number" && keepAliveTimeout < PROXY_IDLE_MS)
    warnings.push(
      `keepAliveTimeout is ${keepAliveTimeout} ms, shorter than that of the proxies in front, which then fail now and then. Set 65000.`,
    );
  if (typeof timeout === "number" && timeout > 0)
    warnings.push(`timeout ends event streams and WebSockets after ${timeout / 1000} s without data. Set 0.`);
  // Node then leaves the socket to it: request-body.ts and write-chunk.ts rely on its end.
  if ((server.listenerCount?.("timeout") ?? 0) > 0)
    warnings.push("a listener for timeout keeps connections open whose upload or download has stalled. Remove it.");
  return { faults, warnings };
}

/** HTTP/2 servers of Node have none of these options. */
function isHttp1(server: object): server is CheckedServer {
  return "headersTimeout" in server && "keepAliveTimeout" in server;
}
