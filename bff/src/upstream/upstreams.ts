// The configured upstreams: lookup by request path, target mapping, statistics.
import type { UpstreamConfig } from "../config/config.ts";
import { sendsToken } from "../config/certificate-bound-upstreams.ts";
import type { UpstreamSnapshot } from "../metrics/metrics.ts";
import { createUpstreamServer, type UpstreamServer, type UpstreamLog } from "./upstream-server.ts";
import type { ReadCertificate } from "./client-certificate.ts";
import { createBalancer, type Balancer } from "./balancer.ts";
import { comparableName } from "../headers/header-names.ts";
import { createIdentityHeaders, identityNames, type IdentityHeadersOf } from "../headers/identity-headers.ts";
import { requestHeaderFilter } from "../headers/request-header-rules.ts";
import { createUpstreamStats, type UpstreamStats } from "./upstream-stats.ts";

export type Upstream = Readonly<{
  config: UpstreamConfig;
  servers: readonly UpstreamServer[];
  balancer: Balancer;
  stats: UpstreamStats;
  methods: ReadonlySet<string>;
  /** Scheme, host and port of the first server. */
  origin: string;
  /** The origins of all servers. */
  origins: ReadonlySet<string>;
  /** Path of the base URL without a final slash; may be empty. */
  basePath: string;
  /** Whether the browser's header of this lower-case name is forwarded. */
  isRequestHeaderForwarded: (name: string) => boolean;
  /** The identity headers of the row for the claims of a user. */
  identityHeadersOf: IdentityHeadersOf;
}>;

type UpstreamOptions = {
  /** The client certificate of all rows that send tokens; undefined unless tokens are bound to it. */
  boundTo?: ReadCertificate | undefined;
  /** Identity headers of all rows of all applications (`identityNames`). Default: of these rows. */
  identity?: ReadonlySet<string>;
};

export function createUpstreams(
  configs: readonly UpstreamConfig[],
  log: UpstreamLog,
  { boundTo, identity = identityNames(configs) }: UpstreamOptions = {},
): readonly Upstream[] {
  return configs.map((config): Upstream => {
    const { origin, pathname } = new URL(config.baseUrls[0] ?? "");
    const certificate = sendsToken(config) ? boundTo : undefined;
    const servers = config.baseUrls.map((baseUrl) => createUpstreamServer(config, baseUrl, { log, certificate }));
    const stats = createUpstreamStats();
    return {
      config,
      servers,
      balancer: createBalancer(servers, config, () => stats.unavailable++),
      stats,
      methods: new Set(config.methods),
      origin,
      origins: new Set(servers.map((server) => server.origin)),
      basePath: pathname === "/" ? "" : pathname.replace(/\/$/, ""),
      isRequestHeaderForwarded: requestHeaderFilter({
        allowed: config.requestHeaders,
        ownNames: new Set([...identity, ...[...config.headers.keys()].map(comparableName)]),
        onRejected: logBlockedHeaders(config.prefix, log),
      }),
      identityHeadersOf: createIdentityHeaders(config.identityHeaders),
    };
  });
}

/** Limits log lines per upstream: the names come from browsers. */
const MAX_REPORTED_NAMES = 20;

/** Logs each blocked header name once, with the configuration key that allows it. */
function logBlockedHeaders(upstream: string, log: UpstreamLog): (name: string) => void {
  const reported = new Set<string>();
  return (name) => {
    if (reported.has(name) || reported.size >= MAX_REPORTED_NAMES || BROWSERS_OWN.has(name)) return;
    reported.add(name);
    log.info("request header not forwarded", {
      upstream,
      reason: `${name.slice(0, 60)} is not forwarded. If the API needs the browser's, name it in the row's requestHeaders`,
    });
  };
}

/** Sent by browsers with every request, therefore not logged. */
const BROWSERS_OWN: ReadonlySet<string> = new Set(["origin", "referer"]);

/** @param target raw, accepted by request validation. @returns the upstream's target: the prefix is replaced by the base path */
export function upstreamTarget({ config, basePath }: Upstream, target: string): string {
  const path = basePath + target.slice(config.prefix === "/" ? 0 : config.prefix.length);
  return path.charCodeAt(0) === 0x2f ? path : `/${path}`;
}

export async function closeUpstreams(upstreams: readonly Upstream[]): Promise<void> {
  await Promise.all(upstreams.flatMap(({ servers }) => servers.map(({ pool }) => pool.destroy())));
}

export function snapshotUpstream({ config, servers, balancer, stats }: Upstream): UpstreamSnapshot {
  const { retries, ...outcomes } = stats;
  return {
    upstream: config.prefix,
    outcomes,
    retries,
    queued: balancer.queued(),
    addresses: servers.map(({ origin, pool, breaker, inFlight }) => ({
      address: origin,
      inFlight,
      connections: pool.stats.connected,
      failures: breaker.failures(),
      isCircuitOpen: breaker.retryAfterMs() > 0 && breaker.failures() > 0,
    })),
  };
}
